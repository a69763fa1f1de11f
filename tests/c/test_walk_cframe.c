/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The walk of 3.11 and 3.12 where the interpreter has published what it has
 * not written yet. The rules are those of walk_cframe.h. */
#include "check.h"
#include "fake_stack.h"

/* In walk_cframe.h. */
enum { CFRAMES_MAX = 16384 };

enum { OUTER = 40 }; /* frames outside the innermost entry */

/* Two entries, and a third that has run nothing. */
static fake_stack *stack_at_entry(void)
{
    fake_stack *stack = fake_new();
    fake_enter(stack);
    fake_calls(stack, OUTER / 2);
    fake_enter(stack);
    fake_calls(stack, OUTER - OUTER / 2);
    fake_enter(stack);
    return stack;
}

/* The third runs too. */
static fake_stack *stack_with_entry(void)
{
    fake_stack *stack = stack_at_entry();
    fake_calls(stack, 3);
    return stack;
}

static void check_torn(const fake_stack *stack)
{
    fake_check(stack, (pn_walk){PN_WALK_TORN, false, 0}, 0);
}

static void check_entry_left_out(const fake_stack *stack)
{
    fake_check(stack, (pn_walk){PN_WALK_WHOLE, true, OUTER}, OUTER);
}

static void *unmapped(void)
{
    char *pages = fake_pages(4 * FAKE_PAGE);
    munmap(pages + FAKE_PAGE, FAKE_PAGE);
    return pages + FAKE_PAGE;
}

/* What can be no pointer, and what may have been one. */
static const uintptr_t implausible[] = {
    1,           3, 8, 4088, 4097, 0x10004, (uintptr_t)1 << 48, (uintptr_t)1 << 63, UINTPTR_MAX - 7,
    UINTPTR_MAX,
};

/* ---- rule 1: cframes ---- */

static void check_torn_with_previous(uintptr_t previous)
{
    fake_stack *stack = stack_at_entry();
    stack->tstate.cframe->previous = (_PyCFrame *)previous;
    check_torn(stack);
    stack = stack_at_entry();
    stack->tstate.cframe->previous->previous = (_PyCFrame *)previous;
    check_torn(stack);
    stack = stack_at_entry();
    stack->tstate.cframe = (_PyCFrame *)previous;
    check_torn(stack);
}

static void cframes_that_are_garbage(void)
{
    check_torn_with_previous(0);
    for (size_t i = 0; i < COUNT_OF(implausible); i++)
        check_torn_with_previous(implausible[i]);
    check_torn_with_previous((uintptr_t)unmapped());
    check_torn_with_previous((uintptr_t)fake_pages(FAKE_PAGE));
}

static void cframes_outside_the_live_stack(void)
{
    fake_stack *stack = stack_at_entry();
    uintptr_t end = (uintptr_t)stack->c_stack_end;
    const uintptr_t places[] = {
        end,
        end - 8,
        end + FAKE_PAGE,
        (uintptr_t)stack->c_stack_top - 8,
        (uintptr_t)stack->c_stack_top + 4,
        (uintptr_t)stack->c_stack_top - FAKE_PAGE,
    };
    _PyCFrame *cframe = stack->tstate.cframe;
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        stack->tstate.cframe = (_PyCFrame *)places[i];
        check_torn(stack);
        stack->tstate.cframe = cframe;
    }
}

static void cframes_that_do_not_ascend(void)
{
    fake_stack *stack = stack_at_entry();
    _PyCFrame *inner = stack->tstate.cframe, *outer = inner->previous->previous;
    inner->previous = inner;
    check_torn(stack);
    inner->previous = outer;
    outer->previous = inner;
    check_torn(stack);
    stack->tstate.cframe = outer;
    inner->previous = &stack->tstate.root_cframe;
    check_torn(stack);
}

static void cframes_are_bounded(void)
{
    static uint64_t words[PN_DEPTH_MAX];
    fake_stack *stack = fake_new();
    for (int i = 1; i <= CFRAMES_MAX; i++) {
        _PyCFrame *cframe = fake_c_stack(stack, sizeof(*cframe));
        cframe->previous = stack->tstate.cframe;
        stack->tstate.cframe = cframe;
        /* The retry tells that the chain itself was found sound. */
        if (i >= CFRAMES_MAX - 1)
            CHECK_EQUAL(fake_walk(stack, words).retried, i < CFRAMES_MAX);
    }
}

/* ---- the window: a frame that is garbage ---- */

static void check_frame_left_out(pn_iframe *frame)
{
    fake_stack *stack = stack_at_entry();
    stack->tstate.cframe->current_frame = frame;
    check_entry_left_out(stack);
}

static void frames_that_are_garbage(void)
{
    check_frame_left_out(NULL);
    for (size_t i = 0; i < COUNT_OF(implausible); i++)
        check_frame_left_out((pn_iframe *)implausible[i]);
    check_frame_left_out(unmapped());
    check_frame_left_out((pn_iframe *)(void *)fake_pages(FAKE_PAGE));
    check_frame_left_out((pn_iframe *)(uintptr_t)frames_that_are_garbage);
}

/* Readable where the frame begins only. */
static void frames_that_end_in_an_unmapped_page(void)
{
    char *end = fake_pages(FAKE_PAGE) + FAKE_PAGE;
    for (size_t bytes = 8; bytes <= 1024; bytes += 8)
        check_frame_left_out((pn_iframe *)(void *)(end - bytes));
}

/* ---- rule 2: the data stack ---- */

static void popped_frames(void)
{
    fake_stack *stack = stack_with_entry();
    PyThreadState *tstate = &stack->tstate;
    PyObject **top = tstate->datastack_top;
    tstate->datastack_top = (PyObject **)(void *)stack->leaf;
    check_entry_left_out(stack);
    /* One word of it is left. */
    tstate->datastack_top = (PyObject **)(void *)stack->leaf + 1;
    check_entry_left_out(stack);
    tstate->datastack_top = top;
    fake_check_whole(stack);
}

/* Such as a pointer to an argument, or to the top of the evaluation stack. */
static void places_in_the_data_stack_that_are_no_frames(void)
{
    fake_stack *stack = stack_with_entry();
    static uint64_t words[PN_DEPTH_MAX];
    PyObject **start = stack->tstate.datastack_chunk->data;
    for (; start <= stack->tstate.datastack_top; start++) {
        stack->tstate.cframe->current_frame = (pn_iframe *)(void *)start;
        pn_walk walk = fake_walk(stack, words);
        for (uint32_t i = 0; walk.result == PN_WALK_WHOLE && i < walk.depth; i++)
            CHECK_EQUAL(words[walk.depth - 1 - i], stack->words[i]);
    }
}

static void data_stack_top_that_is_garbage(void)
{
    fake_stack *stack = stack_with_entry();
    stack->tstate.datastack_top = NULL;
    fake_check_whole(stack);
    for (size_t i = 0; i < COUNT_OF(implausible); i++) {
        stack->tstate.datastack_top = (PyObject **)implausible[i];
        fake_check_whole(stack);
    }
}

static void no_data_stack(void)
{
    fake_stack *stack = stack_with_entry();
    stack->tstate.datastack_chunk = NULL;
    uint64_t words[PN_DEPTH_MAX];
    CHECK_EQUAL(fake_walk(stack, words).result, PN_WALK_TORN);
}

static void frames_that_do_not_descend(void)
{
    fake_stack *stack = stack_with_entry();
    pn_iframe *leaf = stack->leaf, *caller = leaf->previous;
    leaf->previous = leaf;
    check_entry_left_out(stack);
    leaf->previous = caller;
    caller->previous = leaf;
    check_entry_left_out(stack);
}

static void chunks_do_not_get_younger(void)
{
    fake_stack *stack = fake_new();
    fake_enter(stack);
    fake_calls(stack, 3);
    _PyStackChunk *chunk = stack->tstate.datastack_chunk;
    stack->tstate.datastack_chunk = fake_new_chunk(chunk);
    stack->tstate.datastack_top = stack->tstate.datastack_chunk->data;
    fake_calls(stack, 3);
    fake_check_whole(stack);
    /* From the older chunk back into the younger. */
    stack->frames[1]->previous = stack->frames[3];
    fake_check(stack, (pn_walk){PN_WALK_TORN, true, 0}, 0);
}

static void frames_of_nobody(void)
{
    static const char owners[] = {FRAME_OWNED_BY_GENERATOR, FRAME_OWNED_BY_FRAME_OBJECT, 77};
    for (size_t i = 0; i < COUNT_OF(owners); i++) {
        fake_stack *stack = stack_with_entry();
        stack->leaf->owner = owners[i];
        check_entry_left_out(stack);
    }
}

static void instructions_between_two(void)
{
    fake_stack *stack = stack_with_entry();
    stack->leaf->prev_instr = (_Py_CODEUNIT *)((uintptr_t)stack->leaf->prev_instr + 1);
    check_entry_left_out(stack);
}

/* ---- rule 3: shims ---- */

#if PN_SHIMS_ON_C_STACK
static pn_iframe *innermost_shim(const fake_stack *stack)
{
    return (pn_iframe *)(stack->tstate.cframe + 1);
}

static void shims_that_are_none(void)
{
    fake_stack *stack = stack_with_entry();
    innermost_shim(stack)->owner = FRAME_OWNED_BY_THREAD;
    check_entry_left_out(stack);
    stack = stack_with_entry();
    stack->frames[OUTER]->previous = (pn_iframe *)((char *)innermost_shim(stack) + 4);
    check_entry_left_out(stack);
}

static void shims_that_do_not_ascend(void)
{
    fake_stack *stack = stack_with_entry();
    _PyCFrame *cframe = stack->tstate.cframe;
    pn_iframe *shim = innermost_shim(stack), *outer = (pn_iframe *)(cframe->previous + 1);
    /* The outer entry's own comes after one further out. */
    pn_iframe *outermost = (pn_iframe *)(cframe->previous->previous + 1);
    stack->frames[OUTER]->previous = outermost;
    outermost->previous = shim->previous;
    uint64_t words[PN_DEPTH_MAX];
    CHECK_EQUAL(fake_walk(stack, words).result, PN_WALK_TORN);
    CHECK(outer > shim && outermost > outer);
}
#endif

/* ---- rule 4: generators ---- */

static void running_generators(void)
{
    PyTypeObject *types[] = {&PyGen_Type, &PyCoro_Type, &PyAsyncGen_Type};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        fake_stack *stack = stack_at_entry();
        fake_resume(stack, types[i]);
        fake_check_whole(stack);
        fake_calls(stack, 2);
        fake_check_whole(stack);
        fake_resume(stack, types[i]);
        fake_resume(stack, types[i]);
        fake_check_whole(stack);
        fake_enter(stack);
        fake_resume(stack, types[i]);
        fake_calls(stack, 2);
        fake_check_whole(stack);
    }
}

static void generators_that_are_none(void)
{
    for (int flaw = 0; flaw < 6; flaw++) {
        fake_stack *stack = stack_at_entry();
        pn_iframe *frame = fake_resume(stack, &PyGen_Type);
        fake_check_whole(stack);
        PyGenObject *generator = fake_generator_of(frame);
        static PyTypeObject another_type;
        switch (flaw) {
        case 0:
            generator->ob_base.ob_type = &another_type;
            break;
        case 1:
            generator->ob_base.ob_refcnt = 0;
            break;
        case 2:
            generator->gi_frame_state = FRAME_SUSPENDED;
            break;
        case 3:
            generator->gi_frame_state = FRAME_CLEARED;
            break;
        case 4:
            frame->owner = FRAME_OWNED_BY_THREAD;
            break;
        case 5:
            frame->owner = FRAME_OWNED_BY_FRAME_OBJECT;
            break;
        default:
            break;
        }
        check_entry_left_out(stack);
    }
}

/* All is well with the generator, but its frame ends in an unmapped page. */
static void generators_that_are_cut_off(void)
{
    for (size_t cut = 8; cut < sizeof(pn_iframe); cut += 8) {
        fake_stack *stack = stack_at_entry();
        pn_iframe *whole = fake_new_generator(&PyGen_Type);
        char *start = (char *)fake_generator_of(whole), *end = (char *)(whole + 1);
        size_t bytes = (size_t)(end - start) - cut;
        memmove(end - bytes, start, bytes);
        stack->tstate.cframe->current_frame = (pn_iframe *)(void *)((char *)whole + cut);
        check_entry_left_out(stack);
    }
}

/* A proven frame vouches for a generator's, not for any other on the heap. */
static void heap_frames_behind_a_proven_one(void)
{
    fake_stack *stack = stack_at_entry();
    pn_iframe *frame = fake_resume(stack, &PyGen_Type);
    fake_call(stack);
    fake_check_whole(stack);
    frame->owner = FRAME_OWNED_BY_FRAME_OBJECT;
    check_entry_left_out(stack);
}

/* ---- rule 5: entries follow each other ---- */

static pn_iframe *last_of_entry(const fake_stack *stack)
{
#if PN_SHIMS_ON_C_STACK
    return innermost_shim(stack);
#else
    return stack->frames[OUTER];
#endif
}

static void entries_that_do_not_meet(void)
{
    fake_stack *stack = stack_with_entry();
    last_of_entry(stack)->previous = stack->frames[OUTER - 2];
    check_entry_left_out(stack);
    last_of_entry(stack)->previous = NULL;
    check_entry_left_out(stack);
    stack = stack_with_entry();
    /* An entry that does not end. */
    stack->frames[OUTER]->previous = stack->frames[OUTER - 1];
#if !PN_SHIMS_ON_C_STACK
    stack->frames[OUTER]->is_entry = false;
#endif
    check_entry_left_out(stack);
}

static void one_entry_may_be_left_out_but_not_two(void)
{
    fake_stack *stack = stack_at_entry();
    fake_enter(stack);
    stack->tstate.cframe->current_frame = NULL;
    stack->tstate.cframe->previous->current_frame = NULL;
    uint64_t words[PN_DEPTH_MAX];
    pn_walk walk = fake_walk(stack, words);
    CHECK_EQUAL(walk.result, PN_WALK_TORN);
    CHECK(walk.retried);
}

/* Then nothing may lie outside them. */
static void frames_of_the_root(void)
{
    fake_stack *stack = fake_new();
    fake_enter(stack);
    fake_calls(stack, 5);
#if PN_SHIMS_ON_C_STACK
    pn_iframe *last = innermost_shim(stack);
#else
    pn_iframe *last = stack->frames[0];
#endif
    stack->tstate.root_cframe.current_frame = stack->leaf;
    stack->tstate.cframe = &stack->tstate.root_cframe;
    fake_check_whole(stack);
    last->previous = stack->leaf;
    check_torn(stack);
}

/* The outermost cframe of a greenlet is not the thread's, and has no frames. */
static void greenlets(void)
{
    fake_stack *stack = fake_new();
    _PyCFrame *cframe = fake_c_stack(stack, sizeof(*cframe));
    cframe->previous = stack->tstate.cframe;
    stack->tstate.cframe = cframe;
    for (int entries = 0; entries < 3; entries++) {
        fake_enter(stack);
        fake_calls(stack, 5);
        fake_check_whole(stack);
    }
}

#if !PN_SHIMS_ON_C_STACK
/* An exception is thrown into it: it runs in the entry of who throws, and is
 * marked as if it ended one of its own. */
static void generators_that_are_thrown_into(void)
{
    fake_stack *stack = stack_with_entry();
    fake_resume(stack, &PyGen_Type)->is_entry = true;
    fake_check_whole(stack);
    fake_resume(stack, &PyCoro_Type)->is_entry = true;
    fake_calls(stack, 2);
    fake_check_whole(stack);
}
#endif

/* ---- anything ---- */

static struct {
    uintptr_t *places[8];
    uintptr_t values[8];
    size_t count;
} spoilt;

static void spoil(void *place, uintptr_t value)
{
    CHECK(spoilt.count < COUNT_OF(spoilt.places));
    spoilt.places[spoilt.count] = place;
    spoilt.values[spoilt.count++] = *(uintptr_t *)place;
    *(uintptr_t *)place = value;
}

static void restore(void)
{
    while (spoilt.count > 0) {
        spoilt.count--;
        *spoilt.places[spoilt.count] = spoilt.values[spoilt.count];
    }
}

/* A stack of all that there is, with `entries` entries. */
static fake_stack *varied_stack(uint32_t entries)
{
    fake_stack *stack = fake_new();
    for (uint32_t i = 0; i < entries; i++) {
        fake_enter(stack);
        if (i % 3 == 1)
            fake_resume(stack, &PyCoro_Type);
        fake_calls(stack, 1 + i * 3 % 7);
        if (i % 2 == 1)
            fake_resume(stack, &PyGen_Type);
    }
    return stack;
}

static uintptr_t random_in(uint64_t *random, const void *start, size_t bytes)
{
    return (uintptr_t)start + random_below(random, bytes / 8) * 8;
}

/* What the C stack may hold where a pointer is going to be. */
static uintptr_t leftover(uint64_t *random, const fake_stack *stack)
{
    static char *hole;
    if (hole == NULL)
        hole = unmapped();
    const _PyStackChunk *chunk = stack->tstate.datastack_chunk;
    switch (random_below(random, 9)) {
    case 0:
        return 0;
    case 1:
        return implausible[random_below(random, COUNT_OF(implausible))];
    case 2:
        return random_in(random, hole - FAKE_PAGE, 3 * FAKE_PAGE);
    case 3:
        return random_in(random, chunk, chunk->size);
    case 4:
        return random_in(random, stack->c_stack_top - 64,
                         (size_t)(stack->c_stack_end - stack->c_stack_top) + 128);
    case 5:
        return (uintptr_t)stack->frames[random_below(random, stack->depth)];
    case 6:
        return random_in(random, fake_generator_of(stack->leaf), FAKE_PAGE);
    case 7:
        /* The upper half: in the lower one ASan keeps memory of its own. */
        return UINT64_C(1) << 46 | (random_below(random, UINT64_C(1) << 46) & ~UINT64_C(7));
    default:
        return mix((*random)++);
    }
}

static _PyCFrame *random_cframe(uint64_t *random, const fake_stack *stack, uint32_t entries)
{
    _PyCFrame *cframe = stack->tstate.cframe;
    /* Mostly the innermost, which is the one that is ever unwritten. */
    for (uint64_t i = random_below(random, 2) * random_below(random, entries); i > 0; i--)
        cframe = cframe->previous;
    return cframe;
}

/* Whatever cframes hold, a stack that is believed is the outer part of the
 * true one. */
static void random_leftovers(void)
{
    enum { ENTRIES = 8, ROUNDS = 100000 };
    uint64_t random = 1;
    uint32_t believed = 0;
    static uint64_t words[PN_DEPTH_MAX];
    fake_stack *stack = varied_stack(ENTRIES);
    fake_check_whole(stack);
    for (int i = 0; i < ROUNDS; i++) {
        for (uint64_t count = 1 + random_below(&random, 3); count > 0; count--) {
            _PyCFrame *cframe = random_cframe(&random, stack, ENTRIES);
            if (random_below(&random, 2))
                spoil(&cframe->current_frame, leftover(&random, stack));
            else if (random_below(&random, 2) && count == 1)
                spoil(&cframe->previous, leftover(&random, stack));
            else if (count == 1)
                spoil(&stack->tstate.cframe, leftover(&random, stack));
        }
        pn_walk walk = fake_walk(stack, words);
        CHECK(walk.result != PN_WALK_TRUNCATED);
        if (walk.result == PN_WALK_WHOLE) {
            believed++;
            CHECK(walk.depth <= stack->depth);
            for (uint32_t j = 0; j < walk.depth; j++)
                CHECK_EQUAL(words[walk.depth - 1 - j], stack->words[j]);
        }
        restore();
    }
    CHECK(believed > ROUNDS / 100 && believed < ROUNDS / 2);
    fake_check_whole(stack);
}

/* Frames that are wrong are survived too, as long as there is memory where
 * proven ones point. */
static void random_frames(void)
{
    enum { ENTRIES = 8, ROUNDS = 50000 };
    uint64_t random = 1;
    static uint64_t words[PN_DEPTH_MAX];
    fake_stack *stack = varied_stack(ENTRIES);
    for (int i = 0; i < ROUNDS; i++) {
        _PyCFrame *cframe = random_cframe(&random, stack, 2);
        if (random_below(&random, 2))
            spoil(&cframe->current_frame, leftover(&random, stack));
        for (uint64_t count = 1 + random_below(&random, 3); count > 0; count--) {
            pn_iframe *frame = stack->frames[random_below(&random, stack->depth)];
            uintptr_t link = random_below(&random, 2)
                                 ? (uintptr_t)stack->frames[random_below(&random, stack->depth)]
                                 : implausible[random_below(&random, COUNT_OF(implausible))];
            if (random_below(&random, 2))
                spoil(&frame->previous, link);
            else
                spoil(&frame->f_code, leftover(&random, stack));
        }
        pn_walk walk = fake_walk(stack, words);
        CHECK(walk.depth <= PN_DEPTH_MAX);
        for (uint32_t j = 0; j < walk.depth; j++)
            CHECK(pn_is_address_sig(pn_word_code(words[j])));
        restore();
    }
    fake_check_whole(stack);
}

static const check_test tests[] = {
    TEST(cframes_that_are_garbage),
    TEST(cframes_outside_the_live_stack),
    TEST(cframes_that_do_not_ascend),
    TEST(cframes_are_bounded),
    TEST(frames_that_are_garbage),
    TEST(frames_that_end_in_an_unmapped_page),
    TEST(popped_frames),
    TEST(places_in_the_data_stack_that_are_no_frames),
    TEST(data_stack_top_that_is_garbage),
    TEST(no_data_stack),
    TEST(frames_that_do_not_descend),
    TEST(chunks_do_not_get_younger),
    TEST(frames_of_nobody),
    TEST(instructions_between_two),
#if PN_SHIMS_ON_C_STACK
    TEST(shims_that_are_none),
    TEST(shims_that_do_not_ascend),
#endif
    TEST(running_generators),
    TEST(generators_that_are_none),
    TEST(generators_that_are_cut_off),
    TEST(heap_frames_behind_a_proven_one),
    TEST(entries_that_do_not_meet),
    TEST(one_entry_may_be_left_out_but_not_two),
    TEST(frames_of_the_root),
    TEST(greenlets),
#if !PN_SHIMS_ON_C_STACK
    TEST(generators_that_are_thrown_into),
#endif
    TEST(random_leftovers),
    TEST(random_frames),
};

CHECK_MAIN(tests)
