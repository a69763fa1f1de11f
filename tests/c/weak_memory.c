/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "weak_memory.h"

#include "check.h"

#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>

enum {
    SELVES = 1 + MODEL_THREADS,
    LOCATIONS = 1 << 10,
    ATOMICS = 96,
    STORES = 48,
    CHOICES = 1 << 12,
    STACK_BYTES = 1 << 17,
    KEPT = 16,
    STEPS = 1 << 12,
};

/* ---- views ---- */

/* What a thread has seen, or a store carries: how far each thread has come, and the
 * oldest store of each location that may still be read. */
typedef struct {
    uint32_t clock[SELVES];
    uint8_t oldest[ATOMICS];
} view;

static void join(view *to, const view *from)
{
    for (int i = 0; i < SELVES; i++)
        if (to->clock[i] < from->clock[i])
            to->clock[i] = from->clock[i];
    for (int i = 0; i < ATOMICS; i++)
        if (to->oldest[i] < from->oldest[i])
            to->oldest[i] = from->oldest[i];
}

typedef struct {
    uint64_t value;
    view carried;
} store;

typedef struct {
    uintptr_t address;
    uint32_t execution; /* that it belongs to: others are free places */
    uint32_t bytes;
    int number; /* among those with atomic accesses, or -1 */
    /* The clock of each thread's last access of a kind. */
    uint32_t reads[SELVES], writes[SELVES], atomic_reads[SELVES], atomic_writes[SELVES];
} location;

typedef struct {
    store stores[STORES];
    uint32_t count;
} history;

typedef struct {
    view now;
    view acquired; /* by relaxed loads: an acquire fence's */
    view released; /* by the last release fence: relaxed stores carry it */
    ucontext_t context;
    void (*run)(void);
    char *stack;
    bool is_done;
    bool sees_all;
} thread;

static thread threads[SELVES];
static view fenced; /* the order of seq_cst fences */
static location locations[LOCATIONS];
static history histories[ATOMICS];
static int atomics;
static uint32_t self, thread_count;
static void *own_frame; /* of what runs before and after the threads */
static bool is_running;
static uint32_t execution = 1; /* 0: of places for locations that were never used */
static int preemptions_left, spurious_left;
static const model_scenario *exploring;

static struct {
    char *memory;
    char *copy;
    size_t bytes;
    const char *name;
} kept[KEPT];
static int kept_count;

/* ---- what has happened, for who reads of a failure ---- */

typedef struct {
    const char *what;
    uint32_t self;
    uintptr_t address;
    uint64_t value;
    uint32_t age; /* of the store that was read: 0 is the newest */
    int order;
} step;

static step steps[STEPS];
static uint32_t step_count;

static void note(const char *what, uintptr_t address, uint64_t value, uint32_t age, int order)
{
    if (step_count < STEPS)
        steps[step_count++] = (step){what, self, address, value, age, order};
}

static void print_place(uintptr_t address)
{
    for (int i = 0; i < kept_count; i++) {
        uintptr_t offset = address - (uintptr_t)kept[i].memory;
        if (offset < kept[i].bytes) {
            fprintf(stderr, "%s+%zu", kept[i].name, (size_t)offset);
            return;
        }
    }
    fprintf(stderr, "%#zx", (size_t)address);
}

_Noreturn void model_fail(const char *what)
{
    static const char *const orders[] = {"relaxed", "consume", "acquire",
                                         "release", "acq_rel", "seq_cst"};
    fprintf(stderr, "%s, execution %u:\n", exploring ? exploring->name : "none", execution);
    for (uint32_t i = 0; i < step_count; i++) {
        fprintf(stderr, "  thread %u: %s ", steps[i].self, steps[i].what);
        print_place(steps[i].address);
        fprintf(stderr, " %" PRIx64 " %s", steps[i].value, orders[steps[i].order]);
        fprintf(stderr, steps[i].age > 0 ? ", %u stores old\n" : "\n", steps[i].age);
    }
    fprintf(stderr, "thread %u: %s\n", self, what);
    _Exit(1);
}

/* ---- choices ---- */

static struct {
    uint32_t taken, options;
} choices[CHOICES];
static uint32_t choice_count, choice_at;
static uint64_t randomness;

/* 0 is what is tried first. */
static uint32_t choose(uint32_t options)
{
    if (options <= 1)
        return 0;
    if (exploring->random > 0)
        return random_below(&randomness, 3) == 0 ? (uint32_t)random_below(&randomness, options) : 0;
    if (choice_at == CHOICES)
        model_fail("too many choices");
    if (choice_at == choice_count) {
        choices[choice_count].taken = 0;
        choices[choice_count++].options = options;
    } else if (choices[choice_at].options != options) {
        model_fail("an execution can't be repeated");
    }
    return choices[choice_at++].taken;
}

static bool next_choices(void)
{
    while (choice_count > 0) {
        if (++choices[choice_count - 1].taken < choices[choice_count - 1].options)
            return true;
        choice_count--;
    }
    return false;
}

static void go_to(uint32_t next)
{
    uint32_t former = self;
    self = next;
    swapcontext(&threads[former].context, &threads[next].context);
}

/* One of the threads besides the running one that can go on: number `which` of them. */
static uint32_t other(uint32_t which)
{
    for (uint32_t i = 1; i <= thread_count; i++)
        if (i != self && !threads[i].is_done && which-- == 0)
            return i;
    return 0;
}

static uint32_t count_others(void)
{
    uint32_t count = 0;
    while (other(count) != 0)
        count++;
    return count;
}

/* Before an atomic access. */
static void may_switch(void)
{
    if (!is_running || self == 0 || preemptions_left == 0)
        return;
    uint32_t chosen = choose(1 + count_others());
    if (chosen == 0)
        return;
    preemptions_left--;
    go_to(other(chosen - 1));
}

void model_wait(void)
{
    uint32_t others = count_others();
    if (others > 0)
        go_to(other(choose(others)));
    else
        threads[self].sees_all = true;
}

static void begin_thread(void)
{
    threads[self].run();
    threads[self].is_done = true;
    uint32_t others = count_others();
    go_to(others > 0 ? other(choose(others)) : 0);
}

uint32_t model_self(void)
{
    return self;
}

/* ---- accesses ---- */

/* What only one thread can reach. */
static bool is_private(uintptr_t address)
{
    for (uint32_t i = 1; i < SELVES; i++)
        if (address - (uintptr_t)threads[i].stack < STACK_BYTES)
            return true;
    return (uintptr_t)own_frame - address < STACK_BYTES || !is_running;
}

static location *location_of(uintptr_t address, uint32_t bytes)
{
    uint32_t at = (uint32_t)mix(address);
    for (uint32_t tries = 0; tries < LOCATIONS; tries++) {
        location *found = &locations[at++ % LOCATIONS];
        if (found->execution != execution) {
            memset(found, 0, sizeof(*found));
            *found = (location){
                .address = address, .execution = execution, .bytes = bytes, .number = -1};
            return found;
        }
        if (found->address == address) {
            if (found->bytes != bytes)
                model_fail("a location is accessed by different sizes");
            return found;
        }
    }
    model_fail("too many locations");
}

static uint64_t in_memory(uintptr_t address, uint32_t bytes)
{
    uint64_t value = 0;
    memcpy(&value, (const void *)address, bytes); /* on little-endian machines */
    return value;
}

static bool is_before_now(const uint32_t *clocks)
{
    for (uint32_t i = 0; i < SELVES; i++)
        if (clocks[i] > threads[self].now.clock[i])
            return false;
    return true;
}

static void check_order(const location *at, const uint32_t *clocks, const char *what)
{
    if (is_before_now(clocks))
        return;
    note("accesses", at->address, in_memory(at->address, at->bytes), 0, memory_order_relaxed);
    model_fail(what);
}

static uint32_t tick(void)
{
    return ++threads[self].now.clock[self];
}

/* The newest store's value is what is in memory: a plain store is made after it has
 * been announced. */
static history *refreshed(const location *at)
{
    history *all = &histories[at->number];
    all->stores[all->count - 1].value = in_memory(at->address, at->bytes);
    return all;
}

static void append(const location *at, uint64_t value, const view *carried)
{
    history *all = &histories[at->number];
    if (all->count == STORES)
        model_fail("too many stores to a location");
    threads[self].now.oldest[at->number] = (uint8_t)all->count;
    store *newest = &all->stores[all->count++];
    newest->value = value;
    newest->carried = *carried;
}

static void read_plainly(uintptr_t address, uint32_t bytes)
{
    if (is_private(address))
        return;
    location *at = location_of(address, bytes);
    check_order(at, at->writes, "data race: a plain load with a plain store");
    check_order(at, at->atomic_writes, "data race: a plain load with an atomic store");
    at->reads[self] = tick();
}

static void write_plainly(uintptr_t address, uint32_t bytes)
{
    if (is_private(address))
        return;
    location *at = location_of(address, bytes);
    check_order(at, at->reads, "data race: a plain store with a plain load");
    check_order(at, at->writes, "data race: a plain store with a plain store");
    check_order(at, at->atomic_reads, "data race: a plain store with an atomic load");
    check_order(at, at->atomic_writes, "data race: a plain store with an atomic store");
    at->writes[self] = tick();
    if (at->number >= 0) {
        static const view nothing;
        refreshed(at);
        append(at, 0, &nothing);
    }
}

static location *atomic_location(volatile void *pointer, uint32_t bytes)
{
    uintptr_t address = (uintptr_t)pointer;
    location *at = location_of(address, bytes);
    if (at->number < 0) {
        if (atomics == ATOMICS)
            model_fail("too many atomic locations");
        at->number = atomics++;
        history *all = &histories[at->number];
        memset(&all->stores[0], 0, sizeof(all->stores[0]));
        all->count = 1;
    }
    refreshed(at);
    return at;
}

static bool acquires(int order)
{
    return order == memory_order_acquire || order == memory_order_acq_rel ||
           order == memory_order_seq_cst || order == memory_order_consume;
}

static bool releases(int order)
{
    return order == memory_order_release || order == memory_order_acq_rel ||
           order == memory_order_seq_cst;
}

static void take_view(const store *from, int order)
{
    join(&threads[self].acquired, &from->carried);
    if (acquires(order))
        join(&threads[self].now, &from->carried);
}

/* Read the store that is `age` older than the newest. */
static uint64_t read_store(location *at, uint32_t age, int order, const char *what)
{
    const history *all = &histories[at->number];
    uint32_t which = all->count - 1 - age;
    check_order(at, at->writes, "data race: an atomic load with a plain store");
    threads[self].now.oldest[at->number] = (uint8_t)which;
    at->atomic_reads[self] = tick();
    take_view(&all->stores[which], order);
    note(what, at->address, all->stores[which].value, age, order);
    return all->stores[which].value;
}

/* How many of the newest stores may be read. */
static uint32_t readable(const location *at)
{
    if (self == 0 || threads[self].sees_all)
        return 1;
    return histories[at->number].count - threads[self].now.oldest[at->number];
}

static uint64_t load(volatile void *pointer, uint32_t bytes, int order)
{
    may_switch();
    location *at = atomic_location(pointer, bytes);
    return read_store(at, choose(readable(at)), order, "loads");
}

/* Make a store; `before` is the one that it replaces in a single step, or NULL. */
static void write_store(location *at, uint64_t value, int order, const store *before,
                        const char *what)
{
    check_order(at, at->reads, "data race: an atomic store with a plain load");
    check_order(at, at->writes, "data race: an atomic store with a plain store");
    at->atomic_writes[self] = tick();
    view carried = releases(order) ? threads[self].now : threads[self].released;
    if (before != NULL)
        join(&carried, &before->carried); /* it continues the release sequence */
    append(at, value, &carried);
    memcpy((void *)at->address, &value, at->bytes);
    note(what, at->address, value, 0, order);
}

static void store_value(volatile void *pointer, uint32_t bytes, uint64_t value, int order)
{
    may_switch();
    write_store(atomic_location(pointer, bytes), value, order, NULL, "stores");
}

static const store *newest(const location *at)
{
    const history *all = &histories[at->number];
    return &all->stores[all->count - 1];
}

/* A compare-and-swap fails by reading another value, maybe an old one, or, if it is
 * weak, for no reason. */
static bool swap(volatile void *pointer, uint32_t bytes, uint64_t *expected, uint64_t desired,
                 bool is_weak, int order, int failure_order)
{
    may_switch();
    location *at = atomic_location(pointer, bytes);
    const history *all = &histories[at->number];
    uint32_t ages[STORES], options = 0;
    bool may_succeed = newest(at)->value == *expected;
    if (may_succeed)
        ages[options++] = 0;
    for (uint32_t age = 0; age < readable(at); age++)
        if (all->stores[all->count - 1 - age].value != *expected)
            ages[options++] = age;
    bool may_be_spurious = may_succeed && is_weak && spurious_left > 0 && self != 0;
    uint32_t chosen = choose(options + may_be_spurious);
    if (may_succeed && chosen == 0) {
        const store *before = newest(at);
        read_store(at, 0, order, "swaps");
        write_store(at, desired, order, before, "for");
        return true;
    }
    bool is_spurious = chosen == options;
    spurious_left -= is_spurious;
    *expected = read_store(at, is_spurious ? 0 : ages[chosen], failure_order, "does not swap");
    return false;
}

static void fence(int order)
{
    thread *here = &threads[self];
    if (acquires(order))
        join(&here->now, &here->acquired);
    if (order == memory_order_seq_cst) {
        join(&fenced, &here->now);
        here->now = fenced;
    }
    if (releases(order))
        here->released = here->now;
}

void model_membarrier(void)
{
    may_switch();
    uint32_t caller = self;
    fence(memory_order_seq_cst);
    for (self = 1; self <= thread_count; self++)
        fence(memory_order_seq_cst);
    self = caller;
    fence(memory_order_seq_cst);
    note("makes all pass a fence", 0, 0, 0, memory_order_seq_cst);
}

void *model_memcpy(void *to, const void *from, size_t bytes)
{
    if (bytes > MODEL_COPY_BYTES)
        model_fail("copies more than there is");
    for (size_t i = 0; i < bytes; i += 8) {
        read_plainly((uintptr_t)from + i, 8);
        write_plainly((uintptr_t)to + i, 8);
        memcpy((char *)to + i, (const char *)from + i, 8);
    }
    return to;
}

void *model_memset(void *to, int byte, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        write_plainly((uintptr_t)to + i, 8);
        memset((char *)to + i, byte, 8);
    }
    return to;
}

/* ---- executions ---- */

void model_keep(void *memory, size_t bytes, const char *name)
{
    CHECK(kept_count < KEPT);
    kept[kept_count].memory = memory;
    kept[kept_count].bytes = bytes;
    kept[kept_count].name = name;
    kept[kept_count].copy = malloc(bytes);
    memcpy(kept[kept_count++].copy, memory, bytes);
}

static void see(thread *who, const thread *whom)
{
    join(&who->now, &whom->now);
    who->acquired = who->released = who->now;
}

static void start(uint32_t which)
{
    thread *started = &threads[which];
    see(started, &threads[0]);
    started->run = exploring->threads[which - 1];
    getcontext(&started->context);
    started->context.uc_stack.ss_sp = started->stack;
    started->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&started->context, begin_thread, 0);
}

static void execute(void)
{
    for (int i = 0; i < kept_count; i++)
        memcpy(kept[i].memory, kept[i].copy, kept[i].bytes);
    for (uint32_t i = 0; i < SELVES; i++) {
        char *stack = threads[i].stack;
        memset(&threads[i].now, 0, sizeof(view));
        threads[i].acquired = threads[i].released = threads[i].now;
        threads[i].is_done = threads[i].sees_all = false;
        threads[i].stack = stack;
    }
    memset(&fenced, 0, sizeof(fenced));
    execution++;
    atomics = 0;
    step_count = choice_at = 0;
    preemptions_left = exploring->preemptions;
    spurious_left = 1;
    is_running = true;
    self = 0;
    if (exploring->before != NULL)
        exploring->before();
    for (uint32_t i = 1; i <= thread_count; i++)
        start(i);
    go_to(1 + choose(thread_count));
    for (uint32_t i = 1; i <= thread_count; i++)
        see(&threads[0], &threads[i]);
    exploring->after();
    is_running = false;
}

void model_explore(const model_scenario *scenario)
{
    exploring = scenario;
    execution = 0;
    memset(locations, 0, sizeof(locations));
    choice_count = 0;
    randomness = 1;
    own_frame = __builtin_frame_address(0);
    thread_count = 0;
    for (; thread_count < MODEL_THREADS && scenario->threads[thread_count] != NULL; thread_count++)
        if (threads[1 + thread_count].stack == NULL)
            threads[1 + thread_count].stack = malloc(STACK_BYTES);
    do
        execute();
    while (scenario->random > 0 ? execution < scenario->random : next_choices());
    printf("ok %s: %u executions%s\n", scenario->name, execution,
           scenario->random > 0 ? " at random" : "");
    fflush(stdout);
}

/* ---- what the compiler calls ---- */

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    (void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

#define PLAIN(bytes)                                                                               \
    void __tsan_read##bytes(void *address);                                                        \
    void __tsan_read##bytes(void *address)                                                         \
    {                                                                                              \
        read_plainly((uintptr_t)address, bytes);                                                   \
    }                                                                                              \
    void __tsan_write##bytes(void *address);                                                       \
    void __tsan_write##bytes(void *address)                                                        \
    {                                                                                              \
        write_plainly((uintptr_t)address, bytes);                                                  \
    }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)

/* Of words. */
void __tsan_read_range(void *address, unsigned long bytes);
void __tsan_read_range(void *address, unsigned long bytes)
{
    for (size_t i = 0; i < bytes; i += 8)
        read_plainly((uintptr_t)address + i, 8);
}

void __tsan_write_range(void *address, unsigned long bytes);
void __tsan_write_range(void *address, unsigned long bytes)
{
    for (size_t i = 0; i < bytes; i += 8)
        write_plainly((uintptr_t)address + i, 8);
}

/* Two words. */
void __tsan_read16(void *address);
void __tsan_read16(void *address)
{
    read_plainly((uintptr_t)address, 8);
    read_plainly((uintptr_t)address + 8, 8);
}

void __tsan_write16(void *address);
void __tsan_write16(void *address)
{
    write_plainly((uintptr_t)address, 8);
    write_plainly((uintptr_t)address + 8, 8);
}

#define RMW(bits, type, name, result)                                                              \
    type __tsan_atomic##bits##_##name(volatile type *pointer, type value, int order);              \
    type __tsan_atomic##bits##_##name(volatile type *pointer, type value, int order)               \
    {                                                                                              \
        may_switch();                                                                              \
        location *at = atomic_location(pointer, sizeof(type));                                     \
        const store *before = newest(at);                                                          \
        type former = (type)read_store(at, 0, order, #name);                                       \
        write_store(at, (type)(result), order, before, "to");                                      \
        return former;                                                                             \
    }

#define ATOMIC(bits, type)                                                                         \
    type __tsan_atomic##bits##_load(const volatile type *pointer, int order);                      \
    type __tsan_atomic##bits##_load(const volatile type *pointer, int order)                       \
    {                                                                                              \
        return (type)load((volatile void *)(uintptr_t)pointer, sizeof(type), order);               \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile type *pointer, type value, int order);               \
    void __tsan_atomic##bits##_store(volatile type *pointer, type value, int order)                \
    {                                                                                              \
        store_value(pointer, sizeof(type), value, order);                                          \
    }                                                                                              \
    static bool swap##bits(volatile type *pointer, type *expected, type desired, bool is_weak,     \
                           int order, int failure_order)                                           \
    {                                                                                              \
        uint64_t found = *expected;                                                                \
        bool swapped =                                                                             \
            swap(pointer, sizeof(type), &found, desired, is_weak, order, failure_order);           \
        *expected = (type)found;                                                                   \
        return swapped;                                                                            \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *pointer, type *expected,        \
                                                    type desired, int order, int failure_order);   \
    int __tsan_atomic##bits##_compare_exchange_weak(volatile type *pointer, type *expected,        \
                                                    type desired, int order, int failure_order)    \
    {                                                                                              \
        return swap##bits(pointer, expected, desired, true, order, failure_order);                 \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *pointer, type *expected,      \
                                                      type desired, int order, int failure_order); \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile type *pointer, type *expected,      \
                                                      type desired, int order, int failure_order)  \
    {                                                                                              \
        return swap##bits(pointer, expected, desired, false, order, failure_order);                \
    }                                                                                              \
    /* clang does not say whether it is weak. */                                                   \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *pointer, type expected,         \
                                                    type desired, int order, int failure_order);   \
    type __tsan_atomic##bits##_compare_exchange_val(volatile type *pointer, type expected,         \
                                                    type desired, int order, int failure_order)    \
    {                                                                                              \
        swap##bits(pointer, &expected, desired, false, order, failure_order);                      \
        return expected;                                                                           \
    }                                                                                              \
    RMW(bits, type, exchange, value)                                                               \
    RMW(bits, type, fetch_add, former + value)                                                     \
    RMW(bits, type, fetch_sub, former - value)                                                     \
    RMW(bits, type, fetch_or, former | value)                                                      \
    RMW(bits, type, fetch_and, former &value)

ATOMIC(8, uint8_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_thread_fence(int order)
{
    may_switch();
    fence(order);
}

/* The compiler keeps the order, the machine need not. */
void __tsan_atomic_signal_fence(int order);
void __tsan_atomic_signal_fence(int order)
{
    (void)order;
}
