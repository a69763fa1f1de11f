/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The walk of stacks that the interpreter has finished writing, and of chains
 * that it never writes. What 3.11 and 3.12 may show besides is in
 * test_walk_cframe.c. */
#include "check.h"
#include "fake_stack.h"

/* In walk.c. */
enum { LINKS_MAX = 2 * PN_DEPTH_MAX + 64 };

static fake_stack *stack_of(uint32_t entries, uint32_t calls)
{
    fake_stack *stack = fake_new();
    while (entries-- > 0) {
        fake_enter(stack);
        fake_calls(stack, calls);
    }
    return stack;
}

static void no_frames(void)
{
    fake_check(fake_new(), (pn_walk){PN_WALK_NONE, false, 0}, 0);
}

static void whole_chains(void)
{
    for (uint32_t entries = 1; entries <= 7; entries++)
        for (uint32_t calls = 1; calls <= 130; calls += 3)
            fake_check_whole(stack_of(entries, calls));
}

static void units_fit_their_bits(void)
{
    static const struct {
        int unit;
        uint32_t expected;
    } units[] = {
        {-5, 0},
        {-1, 0},
        {0, 1},
        {1, 2},
        {300, 301},
        {PN_UNIT_MAX - 2, PN_UNIT_MAX - 1},
        {PN_UNIT_MAX - 1, PN_UNIT_MAX},
        {PN_UNIT_MAX, PN_UNIT_MAX},
        {1 << 29, PN_UNIT_MAX},
    };
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        fake_stack *stack = stack_of(1, 1);
        fake_set_unit(stack->leaf, fake_code(0), units[i].unit);
        uint64_t words[PN_DEPTH_MAX];
        CHECK_EQUAL(fake_walk(stack, words).result, PN_WALK_WHOLE);
        CHECK_EQUAL(pn_word_code(words[0]), fake_code(0));
        CHECK_EQUAL(pn_word_unit(words[0]), units[i].expected);
    }
}

static void addresses_keep_their_bits(void)
{
    static const uintptr_t codes[] = {4096, ((uintptr_t)1 << 48) - 8, 0x5555deadbee8};
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        fake_stack *stack = stack_of(1, 1);
        fake_set_code(stack->leaf, codes[i]);
        fake_set_unit(stack->leaf, codes[i], 4);
        uint64_t words[PN_DEPTH_MAX];
        CHECK_EQUAL(fake_walk(stack, words).result, PN_WALK_WHOLE);
        CHECK_EQUAL(pn_word_code(words[0]), codes[i]);
        CHECK_EQUAL(pn_word_unit(words[0]), 5);
    }
}

/* ---- too much ---- */

static void deepest_stack_is_whole(void)
{
    fake_check_whole(stack_of(1, PN_DEPTH_MAX - 1));
    fake_check_whole(stack_of(1, PN_DEPTH_MAX));
}

static void deeper_stacks_keep_the_leaf_side(void)
{
    fake_check_truncated(stack_of(1, PN_DEPTH_MAX + 1), PN_DEPTH_MAX);
    fake_check_truncated(stack_of(1, 2 * PN_DEPTH_MAX), PN_DEPTH_MAX);
    fake_check_truncated(stack_of(4, PN_DEPTH_MAX / 4 + 1), PN_DEPTH_MAX);
}

#if FAKE_HAS_SHIMS
static void frames_that_are_not_python_are_bounded(void)
{
    fake_stack *stack = stack_of(LINKS_MAX - 2, 0);
    fake_call(stack);
    fake_check_whole(stack);
    fake_check_truncated(stack_of(LINKS_MAX + 1, 0), 0);
}
#endif

static void cycles_end(void)
{
    fake_stack *stack = stack_of(1, 10);
    fake_set_previous(stack->frames[3], stack->leaf);
    uint64_t words[PN_DEPTH_MAX];
#ifdef PN_WALK_CFRAME
    /* Frames must descend. */
    CHECK(fake_walk(stack, words).result != PN_WALK_WHOLE);
#else
    CHECK_EQUAL(fake_walk(stack, words).result, PN_WALK_TRUNCATED);
#endif
}

/* ---- garbage ---- */

static const uintptr_t implausible[] = {
    1,           3, 8, 4088, 4097, 0x10004, (uintptr_t)1 << 48, (uintptr_t)1 << 63, UINTPTR_MAX - 7,
    UINTPTR_MAX,
};

/* No word may come from a link that is garbage, and no stack may be believed. */
static void check_not_believed(const fake_stack *stack)
{
    uint64_t words[PN_DEPTH_MAX];
    pn_walk walk = fake_walk(stack, words);
    CHECK_EQUAL(walk.result, PN_WALK_TORN);
#ifdef PN_WALK_CFRAME
    /* The entry is left out; it was the only one. */
    CHECK(walk.retried);
#endif
}

static void implausible_frames(void)
{
    for (size_t i = 0; i < COUNT_OF(implausible); i++) {
        fake_stack *stack = stack_of(1, 10);
        fake_set_leaf(stack, (pn_iframe *)implausible[i]);
        check_not_believed(stack);
        stack = stack_of(1, 10);
        fake_set_previous(stack->frames[4], (pn_iframe *)implausible[i]);
        check_not_believed(stack);
    }
}

static void implausible_codes(void)
{
    for (size_t i = 0; i < COUNT_OF(implausible); i++) {
        /* From 3.14 on the lowest bits are a tag. */
        if (PY_VERSION_HEX >= 0x030E0000 && (implausible[i] & 3) != 0)
            continue;
        fake_stack *stack = stack_of(1, 10);
        fake_set_code(stack->frames[4], implausible[i]);
        check_not_believed(stack);
    }
    fake_stack *stack = stack_of(1, 10);
    fake_set_code(stack->leaf, 0);
    check_not_believed(stack);
}

#if PY_VERSION_HEX >= 0x030B0000
/* A chain may not end just anywhere. */
static void wrong_root(void)
{
    fake_stack *stack = stack_of(1, 10);
    fake_set_previous(stack->frames[4], NULL);
    check_not_believed(stack);
#ifdef PN_WALK_CFRAME
    stack = stack_of(1, 10);
    fake_stack *other = stack_of(1, 1);
    fake_set_previous(FAKE_HAS_SHIMS ? (pn_iframe *)(void *)(stack->c_stack_end - sizeof(pn_iframe))
                                     : stack->frames[0],
                      other->leaf);
    check_not_believed(stack);
#endif
}
#endif

#ifndef PN_WALK_CFRAME
/* Links replaced by garbage that no machine has memory at, or by other frames:
 * these versions trust the interpreter never to leave more than that. */
static void random_chains(void)
{
    uint64_t random = 1;
    static uint64_t words[PN_DEPTH_MAX];
    fake_stack *stack = stack_of(3, 50);
    for (int i = 0; i < 20000; i++) {
        uint32_t sound = stack->depth; /* frames from the leaf with their own links */
        uint32_t spoilt[3];
        pn_iframe *links[3];
        size_t count = 1 + random_below(&random, COUNT_OF(spoilt));
        for (size_t j = 0; j < count; j++) {
            uint32_t at = spoilt[j] = (uint32_t)random_below(&random, stack->depth);
            pn_iframe *frame = stack->frames[at];
            links[j] = (pn_iframe *)(uintptr_t)pn_previous_sig(frame);
            fake_set_previous(
                frame,
                random_below(&random, 2)
                    ? stack->frames[random_below(&random, stack->depth)]
                    : (pn_iframe *)implausible[random_below(&random, COUNT_OF(implausible))]);
            if (stack->depth - at < sound)
                sound = stack->depth - at;
        }
        pn_walk walk = fake_walk(stack, words);
        CHECK(walk.result != PN_WALK_NONE);
        CHECK(walk.depth >= sound && walk.depth <= PN_DEPTH_MAX);
        for (uint32_t j = 0; j < sound; j++)
            CHECK_EQUAL(words[j], stack->words[stack->depth - 1 - j]);
        for (uint32_t j = sound; j < walk.depth; j++)
            CHECK(pn_word_code(words[j]) >= fake_code(0) &&
                  pn_word_code(words[j]) < fake_code(stack->depth));
        if (walk.result == PN_WALK_WHOLE)
            CHECK_EQUAL(words[walk.depth - 1], stack->words[0]);
        while (count-- > 0)
            fake_set_previous(stack->frames[spoilt[count]], links[count]);
    }
    fake_check_whole(stack);
}
#endif

static const check_test tests[] = {
    TEST(no_frames),
    TEST(whole_chains),
    TEST(units_fit_their_bits),
    TEST(addresses_keep_their_bits),
    TEST(deepest_stack_is_whole),
    TEST(deeper_stacks_keep_the_leaf_side),
#if FAKE_HAS_SHIMS
    TEST(frames_that_are_not_python_are_bounded),
#endif
    TEST(cycles_end),
    TEST(implausible_frames),
    TEST(implausible_codes),
#if PY_VERSION_HEX >= 0x030B0000
    TEST(wrong_root),
#endif
#ifndef PN_WALK_CFRAME
    TEST(random_chains),
#endif
};

CHECK_MAIN(tests)
