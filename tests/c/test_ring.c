/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "ring.h"
#include "stack_word.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

/* A record is made of one number, so that the reader can tell from what it
 * reads what it should have read. */
static pn_record record_of(uint64_t seed, uint32_t depth)
{
    return (pn_record){
        .kind = (enum pn_record_kind)(seed % (PN_KIND_SUBINTERPRETER + 1)),
        .depth = depth,
        .weight_ns = mix(seed),
        .thread = (uint32_t)mix(seed + 1) & 0xffff,
        .of_context = (uintptr_t)mix(seed + 2) & UINT64_C(0xffffffffffff),
        .of_thread = (uintptr_t)mix(seed + 3),
    };
}

static uint64_t word_of(uint64_t seed, uint32_t i)
{
    return mix(seed + 4 + i);
}

static void check_record(const pn_record *actual, const uint64_t *stack, uint64_t seed,
                         uint32_t depth)
{
    pn_record expected = record_of(seed, depth);
    CHECK_EQUAL(actual->kind, expected.kind);
    CHECK_EQUAL(actual->depth, expected.depth);
    CHECK_EQUAL(actual->weight_ns, expected.weight_ns);
    CHECK_EQUAL(actual->thread, expected.thread);
    CHECK_EQUAL(actual->of_context, expected.of_context);
    CHECK_EQUAL(actual->of_thread, expected.of_thread);
    for (uint32_t i = 0; i < depth; i++)
        CHECK_EQUAL(stack[i], word_of(seed, i));
}

/* ---- one thread, against a list ---- */

enum { MODEL_RECORDS = PN_RING_WORDS / PN_RECORD_HEADER_WORDS + 1 };

static struct {
    struct {
        uint64_t seed, position;
        uint32_t depth;
    } records[MODEL_RECORDS];
    uint64_t first, next; /* numbers of records */
    uint64_t head, tail;
} model;

static void model_append(uint64_t seed, uint32_t depth)
{
    model.records[model.next % MODEL_RECORDS].seed = seed;
    model.records[model.next % MODEL_RECORDS].depth = depth;
    model.records[model.next % MODEL_RECORDS].position = model.head;
    model.next++;
    model.head += PN_RECORD_HEADER_WORDS + depth;
}

static enum pn_push push(uint32_t depth)
{
    static uint64_t seed;
    seed += 5000;
    uint64_t filled = model.head - model.tail + PN_RECORD_HEADER_WORDS + depth;
    enum pn_push expected = filled > PN_RING_WORDS         ? PN_PUSH_FULL
                            : filled >= PN_RING_WAKE_WORDS ? PN_PUSHED_WAKE
                                                           : PN_PUSHED;
    /* Exactly as large as the stack: reading past it is seen. */
    uint64_t *stack = malloc(depth * sizeof(*stack));
    for (uint32_t i = 0; i < depth; i++)
        stack[i] = word_of(seed, i);
    pn_record record = record_of(seed, depth);
    CHECK_EQUAL(pn_ring_push_sig(&record, stack), expected);
    free(stack);
    if (expected != PN_PUSH_FULL)
        model_append(seed, depth);
    CHECK_EQUAL(pn_ring_head(), model.head);
    CHECK_EQUAL(pn_ring_tail(), model.tail);
    return expected;
}

static bool pop(void)
{
    enum { UNTOUCHED = 77 };
    uint64_t *stack = malloc(PN_DEPTH_MAX * sizeof(*stack));
    for (uint32_t i = 0; i < PN_DEPTH_MAX; i++)
        stack[i] = UNTOUCHED;
    pn_record record;
    bool expected = model.first != model.next;
    CHECK_EQUAL(pn_ring_pop(&record, stack), expected);
    if (expected) {
        uint64_t at = model.first++ % MODEL_RECORDS;
        uint32_t depth = model.records[at].depth;
        check_record(&record, stack, model.records[at].seed, depth);
        CHECK_EQUAL(record.position, model.records[at].position);
        CHECK(depth == PN_DEPTH_MAX || stack[depth] == UNTOUCHED);
        model.tail += PN_RECORD_HEADER_WORDS + depth;
    }
    CHECK_EQUAL(pn_ring_head(), model.head);
    CHECK_EQUAL(pn_ring_tail(), model.tail);
    free(stack);
    return expected;
}

static void reset(void)
{
    pn_ring_reset();
    model.first = model.next;
    model.tail = model.head;
    CHECK(!pop());
}

/* Go round the ring in small steps, so that every word serves as a header
 * that is not there yet. */
static void go_round(void)
{
    for (uint64_t start = model.head; model.head - start < 2 * PN_RING_WORDS;) {
        push(model.head % 2);
        while (pop()) {
        }
    }
}

static void fill(uint32_t depth)
{
    while (push(depth) != PN_PUSH_FULL) {
    }
}

static void open_ring(void)
{
    CHECK_EQUAL(pn_ring_open(), 0);
    CHECK(!pop());
}

static void every_depth(void)
{
    open_ring();
    for (uint32_t depth = 0; depth <= PN_DEPTH_MAX; depth++) {
        push(depth);
        CHECK(pop());
        CHECK(!pop());
    }
    CHECK(model.head > 2 * PN_RING_WORDS);
}

static void full_to_the_last_word(void)
{
    enum { DEPTH = 1024 - PN_RECORD_HEADER_WORDS };
    open_ring();
    for (uint64_t left = PN_RING_WORDS / 1024; left > 0; left--)
        CHECK(push(DEPTH) != PN_PUSH_FULL);
    CHECK_EQUAL(push(0), PN_PUSH_FULL);
    CHECK(pop());
    CHECK_EQUAL(push(DEPTH + 1), PN_PUSH_FULL);
    CHECK_EQUAL(push(DEPTH), PN_PUSHED_WAKE);
    while (pop()) {
    }
}

static void random_operations(void)
{
    uint64_t random = 1;
    open_ring();
    for (int round = 0; round < 300; round++) {
        bool filling = random_below(&random, 2);
        for (uint64_t steps = random_below(&random, 400); steps > 0; steps--) {
            bool deep = random_below(&random, 4) == 0;
            if (random_below(&random, 4) < (filling ? 3 : 1))
                push((uint32_t)random_below(&random, deep ? PN_DEPTH_MAX + 1 : 40));
            else
                pop();
        }
    }
}

static void reset_with_unread_records(void)
{
    open_ring();
    for (uint32_t depth = 0; depth < 10; depth++)
        push(depth);
    reset();
    push(5);
    CHECK(pop());
    fill(100);
    reset();
    go_round();
}

/* ---- a writer that stops halfway ---- */

/* Its stack lies half on a page that faults: there it stays, having claimed
 * its words and not completed them, until told to go on. */
static struct {
    char *pages;
    pthread_t thread;
    _Atomic bool stopped, may_go_on;
} halfway;

enum { PAGE_BYTES = PN_DEPTH_MAX * sizeof(uint64_t) / 2, HALFWAY_SEED = 4 };

static void on_fault(int signo, siginfo_t *info, void *context)
{
    (void)context;
    char *address = info->si_addr;
    if (address < halfway.pages || address >= halfway.pages + 2 * PAGE_BYTES) {
        signal(signo, SIG_DFL); /* an error of the test: it comes again */
        return;
    }
    atomic_store(&halfway.stopped, true);
    while (!atomic_load(&halfway.may_go_on))
        sched_yield();
    mprotect(halfway.pages, 2 * PAGE_BYTES, PROT_READ);
}

static void *push_halfway(void *argument)
{
    pn_record record = record_of(HALFWAY_SEED, PN_DEPTH_MAX);
    CHECK_EQUAL(pn_ring_push_sig(&record, (uint64_t *)(void *)halfway.pages), PN_PUSHED);
    return argument;
}

static void start_halfway(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    halfway.pages =
        mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(halfway.pages != MAP_FAILED);
    for (uint32_t i = 0; i < PN_DEPTH_MAX; i++)
        ((uint64_t *)(void *)halfway.pages)[i] = word_of(HALFWAY_SEED, i);
    mprotect(halfway.pages + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
    CHECK_EQUAL(pthread_create(&halfway.thread, NULL, push_halfway, NULL), 0);
    while (!atomic_load(&halfway.stopped))
        sched_yield();
    model_append(HALFWAY_SEED, PN_DEPTH_MAX);
}

static void finish_halfway(void)
{
    atomic_store(&halfway.may_go_on, true);
    pthread_join(halfway.thread, NULL);
}

static void check_nothing_to_pop(void)
{
    static uint64_t stack[PN_DEPTH_MAX];
    pn_record record;
    CHECK(!pn_ring_pop(&record, stack));
    CHECK_EQUAL(pn_ring_tail(), model.tail);
}

static void incomplete_record_holds_the_reader(void)
{
    open_ring();
    start_halfway();
    check_nothing_to_pop();
    fill(50);
    check_nothing_to_pop();
    finish_halfway();
    while (pop()) {
    }
    go_round();
}

static void reset_with_an_incomplete_record(void)
{
    open_ring();
    start_halfway();
    fill(50);
    /* The child of a fork has the record but not its writer. */
    pid_t child = fork();
    if (child == 0) {
        reset();
        go_round();
        _Exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQUAL(status, 0);
    finish_halfway();
}

/* ---- many threads ---- */

enum { WRITERS = 3, SEQUENCES = 30000, INTERRUPTS = 1000 };

/* Handlers that are to run in the middle of a push. */
#ifdef CHECK_UNDER_TSAN
static const uint64_t inside = 0; /* it holds signals back */
#else
static const uint64_t inside = 20;
#endif

/* A writer is a thread or the signal handler in one: its records are numbered
 * one by one, pushed or not. */
typedef struct {
    uint32_t index;
    _Atomic uint64_t sequence;
    uint64_t refused;
    uint64_t stack[PN_DEPTH_MAX];
} writer;

static writer threads[WRITERS], handlers[WRITERS];
static _Thread_local writer *handler_here;
static _Thread_local volatile sig_atomic_t pushing;
static _Atomic uint32_t writers_left;
static _Atomic uint64_t all_refused, pushes_interrupted;

static uint64_t seed_of(uint32_t index, uint64_t sequence)
{
    return (uint64_t)index << 50 | sequence << 12;
}

static uint32_t depth_of(uint64_t seed)
{
    uint64_t value = mix(seed);
    return (uint32_t)(value % (value >> 60 == 0 ? PN_DEPTH_MAX + 1 : 40));
}

static void push_numbered(writer *by)
{
    uint64_t sequence = atomic_fetch_add(&by->sequence, 1);
    uint64_t seed = seed_of(by->index, sequence);
    uint32_t depth = depth_of(seed);
    for (uint32_t i = 0; i < depth; i++)
        by->stack[i] = word_of(seed, i);
    pn_record record = record_of(seed, depth);
    /* What the reader needs to know whose it is. */
    record.thread = by->index;
    record.weight_ns = sequence;
    pushing++;
    enum pn_push pushed = pn_ring_push_sig(&record, by->stack);
    pushing--;
    if (pushed == PN_PUSHED || pushed == PN_PUSHED_WAKE)
        return;
    by->refused++;
    atomic_fetch_add(&all_refused, 1);
    sched_yield();
}

static void *write_records(void *argument)
{
    writer *by = argument;
    for (int i = 0; i < SEQUENCES; i++)
        push_numbered(by);
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static void on_interrupt(int signo)
{
    (void)signo;
    if (handler_here == NULL)
        return;
    if (pushing)
        atomic_fetch_add(&pushes_interrupted, 1);
    push_numbered(handler_here);
}

static void *write_interrupted(void *argument)
{
    writer *by = argument;
    handler_here = &handlers[by->index];
    while (atomic_load(&by->sequence) < SEQUENCES ||
           atomic_load(&handler_here->sequence) < INTERRUPTS ||
           atomic_load(&pushes_interrupted) < inside)
        push_numbered(by);
    handler_here = NULL;
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static pthread_t writer_threads[WRITERS];

static void *interrupt_writers(void *argument)
{
    while (atomic_load(&writers_left) > 0) {
        for (int i = 0; i < WRITERS; i++)
            pthread_kill(writer_threads[i], SIGUSR1);
        sched_yield();
    }
    return argument;
}

static void check_numbered(const pn_record *record, const uint64_t *stack)
{
    uint64_t sequence = record->weight_ns;
    uint64_t seed = seed_of(record->thread, sequence);
    pn_record unmarked = *record;
    unmarked.weight_ns = record_of(seed, 0).weight_ns;
    unmarked.thread = record_of(seed, 0).thread;
    check_record(&unmarked, stack, seed, depth_of(seed));
}

/* Read until the writers have ended; then nothing may be missing. */
static void read_all(void)
{
    static uint64_t stack[PN_DEPTH_MAX];
    uint64_t read[2 * WRITERS] = {0}, next[2 * WRITERS] = {0}, position = 0;
    /* A full ring is part of the test. */
    while (atomic_load(&all_refused) == 0)
        sched_yield();
    for (;;) {
        bool ended = atomic_load(&writers_left) == 0;
        pn_record record;
        if (!pn_ring_pop(&record, stack)) {
            if (ended)
                break;
            sched_yield();
            continue;
        }
        CHECK(record.thread < 2 * WRITERS);
        check_numbered(&record, stack);
        CHECK(record.weight_ns >= next[record.thread]);
        next[record.thread] = record.weight_ns + 1;
        read[record.thread]++;
        CHECK_EQUAL(record.position, position);
        position += PN_RECORD_HEADER_WORDS + record.depth;
    }
    CHECK_EQUAL(pn_ring_head(), position);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writer_threads[i], NULL);
    for (int i = 0; i < WRITERS; i++) {
        CHECK_EQUAL(read[i] + threads[i].refused, threads[i].sequence);
        CHECK_EQUAL(read[WRITERS + i] + handlers[i].refused, handlers[i].sequence);
        CHECK(read[i] > 0);
    }
}

static void start_writers(void *(*run)(void *))
{
    CHECK_EQUAL(pn_ring_open(), 0);
    atomic_store(&writers_left, WRITERS);
    for (uint32_t i = 0; i < WRITERS; i++) {
        threads[i].index = i;
        handlers[i].index = WRITERS + i;
        CHECK_EQUAL(pthread_create(&writer_threads[i], NULL, run, &threads[i]), 0);
    }
}

static void concurrent_writers(void)
{
    start_writers(write_records);
    read_all();
}

static void interrupted_writers(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    start_writers(write_interrupted);
    pthread_t interrupter;
    CHECK_EQUAL(pthread_create(&interrupter, NULL, interrupt_writers, NULL), 0);
    read_all();
    pthread_join(interrupter, NULL);
}

static const check_test tests[] = {
    TEST(every_depth),
    TEST(full_to_the_last_word),
    TEST(random_operations),
    TEST(reset_with_unread_records),
    TEST(incomplete_record_holds_the_reader),
    TEST(reset_with_an_incomplete_record),
    TEST(concurrent_writers),
    TEST(interrupted_writers),
};

CHECK_MAIN(tests)
