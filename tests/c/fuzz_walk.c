/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* For libFuzzer: the input is a list of things to spoil in a stack that is then
 * walked. A walk never faults and comes to an end; and where nothing was
 * spoilt but what the interpreter publishes before it is written (3.11, 3.12), a
 * stack that is believed is the outer part of the true one. */
#include "check.h"
#include "fake_stack.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

enum { ENTRIES = 6, SPOILT_MAX = 16 };

/* What is spoilt, and what with. */
typedef struct {
    uint8_t what, value, where;
    uint64_t number;
} spoiling;

enum { SPOILING_BYTES = 11 };

static struct {
    uint64_t *place;
    uint64_t value;
} spoilt[SPOILT_MAX];
static size_t spoilt_count;

static fake_stack *stack;
#ifdef PN_WALK_CFRAME
static _PyCFrame *innermost;
#endif

static void spoil(void *place, uint64_t value)
{
    spoilt[spoilt_count].place = place;
    spoilt[spoilt_count++].value = *(uint64_t *)place;
    *(uint64_t *)place = value;
}

static void restore(void)
{
    while (spoilt_count > 0) {
        spoilt_count--;
        *spoilt[spoilt_count].place = spoilt[spoilt_count].value;
    }
}

static fake_stack *new_stack(void)
{
    fake_stack *made = fake_new();
    for (uint32_t i = 0; i < ENTRIES; i++) {
        fake_enter(made);
#ifdef PN_WALK_CFRAME
        if (i % 3 == 1)
            fake_resume(made, &PyCoro_Type);
        fake_calls(made, 1 + i * 3 % 7);
        if (i % 2 == 1)
            fake_resume(made, &PyGen_Type);
#else
        fake_calls(made, 1 + i * 3 % 7);
#endif
    }
#ifdef PN_WALK_CFRAME
    innermost = made->tstate.cframe;
#endif
    return made;
}

static pn_iframe *some_frame(uint64_t number)
{
    return stack->frames[number % stack->depth];
}

/* The word that a field is in. */
#if PY_VERSION_HEX >= 0x030B0000
static uint64_t *word_of(void *field)
{
    return (uint64_t *)((uintptr_t)field & ~(uintptr_t)7);
}
#endif

/* Not a pointer at sight, or one that a frame may hold. */
static uint64_t link_value(const spoiling *how)
{
    switch (how->value % 3) {
    case 0:
        return (uint64_t)(uintptr_t)some_frame(how->number);
    case 1:
        return how->number | 1;
    default:
        return 0;
    }
}

static void *link_of(pn_iframe *frame)
{
#if PY_VERSION_HEX < 0x030B0000
    return &frame->f_back;
#else
    return &frame->previous;
#endif
}

static void *code_of(pn_iframe *frame)
{
#if PY_VERSION_HEX < 0x030D0000
    return &frame->f_code;
#else
    return &frame->f_executable;
#endif
}

/* Frames that the walk takes to be whole: what they hold is wrong. */
static void spoil_frame(const spoiling *how)
{
    pn_iframe *frame = some_frame(how->where);
    switch (how->what / 16 % 4) {
    case 0:
        spoil(link_of(frame), link_value(how));
        break;
    case 1:
        spoil(code_of(frame), how->number);
        break;
#if PY_VERSION_HEX >= 0x030B0000
    case 2: {
        uint64_t *word = word_of(&frame->owner);
        uint64_t former = *word;
        frame->owner = (char)how->number;
        uint64_t value = *word;
        *word = former;
        spoil(word, value);
        break;
    }
    case 3:
#ifdef PN_WALK_CFRAME
        spoil(&frame->prev_instr, how->number);
#else
        spoil(&frame->instr_ptr, how->number);
#endif
        break;
#endif
    default:
        break;
    }
}

#ifdef PN_WALK_CFRAME
static uint64_t within(const void *start, size_t bytes, uint64_t number)
{
    return (uint64_t)(uintptr_t)start + number % bytes;
}

/* What the C stack may hold where a pointer is going to be. */
static uint64_t leftover(const spoiling *how)
{
    static char *hole;
    if (hole == NULL) {
        hole = fake_pages(4 * FAKE_PAGE);
        munmap(hole + FAKE_PAGE, FAKE_PAGE);
    }
    const _PyStackChunk *chunk = stack->tstate.datastack_chunk;
    switch (how->value % 8) {
    case 0:
        return how->number % 64;
    case 1:
        return within(hole, 3 * FAKE_PAGE, how->number);
    case 2:
        return within(chunk, chunk->size, how->number);
    case 3:
        return within(stack->c_stack_top - 64,
                      (size_t)(stack->c_stack_end - stack->c_stack_top) + 128, how->number);
    case 4:
        return (uint64_t)(uintptr_t)some_frame(how->number);
    case 5:
        return within(fake_generator_of(stack->leaf), FAKE_PAGE, how->number);
    case 6:
        return (uint64_t)(uintptr_t)link_of(some_frame(how->number));
    default:
        /* Memory that nobody has: ASan takes offence at reads of its own. */
        return pn_is_address_sig((uintptr_t)how->number)
                   ? UINT64_C(1) << 46 | (how->number & ((UINT64_C(1) << 44) - 8))
                   : how->number;
    }
}

/* What the interpreter publishes before it is written. */
static void spoil_unwritten(const spoiling *how)
{
    uint64_t value = leftover(how);
    switch (how->what / 16 % 4) {
    case 0:
        spoil(&innermost->current_frame, value);
        break;
    case 1:
        spoil(&innermost->previous, value);
        break;
    case 2:
        spoil(&stack->tstate.cframe, value);
        break;
    default:
        spoil(&stack->tstate.datastack_top, value);
        break;
    }
}
#else
/* There is no such thing. */
static void spoil_unwritten(const spoiling *how)
{
    (void)how;
}
#endif

static spoiling spoiling_of(const uint8_t *bytes)
{
    spoiling how = {.what = bytes[0], .value = bytes[1], .where = bytes[2]};
    memcpy(&how.number, bytes + 3, sizeof(how.number));
    return how;
}

static void check_walk(bool frames_are_true)
{
    static uint64_t words[PN_DEPTH_MAX];
    pn_walk walk = fake_walk(stack, words);
    CHECK(walk.depth <= PN_DEPTH_MAX);
    for (uint32_t i = 0; i < walk.depth; i++)
        CHECK(pn_is_address_sig(pn_word_code(words[i])));
    if (!frames_are_true || walk.result != PN_WALK_WHOLE)
        return;
    CHECK(walk.depth <= stack->depth);
    for (uint32_t i = 0; i < walk.depth; i++)
        CHECK_EQUAL(words[walk.depth - 1 - i], stack->words[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    if (stack == NULL)
        stack = new_stack();
    bool frames_are_true = true;
    for (size_t at = 0; at + SPOILING_BYTES <= count && spoilt_count < SPOILT_MAX;
         at += SPOILING_BYTES) {
        spoiling how = spoiling_of(bytes + at);
        if (how.what & 1) {
            frames_are_true = false;
            spoil_frame(&how);
        } else {
            spoil_unwritten(&how);
        }
    }
    check_walk(frames_are_true);
    restore();
    return 0;
}
