/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The stack of a thread as the interpreter at hand lays it out, with nothing
 * in it but what a walk reads. It grows by fake_enter and fake_call, and knows
 * which words a walk of it should give.
 *
 * All of it lies between pages that fault, so a walk that strays is seen. */
#ifndef FAKE_STACK_H
#define FAKE_STACK_H

#include "check.h"
#include "frames/frames.h"
#include "walk.h"

#include <string.h>
#include <sys/mman.h>

enum { FAKE_PAGE = 4096, FAKE_CALLS_MAX = 4096, FAKE_C_STACK_BYTES = 4 << 20 };

#ifdef PN_WALK_CFRAME
#define FAKE_HAS_SHIMS PN_SHIMS_ON_C_STACK
#else
#define FAKE_HAS_SHIMS (PY_VERSION_HEX >= 0x030D0000)
#endif

/* A walk that is about to be spoilt needs frames next to faulting pages, and
 * many more than a heap with red zones gives in a row. */
static inline char *fake_pages(size_t bytes)
{
    size_t inner = (bytes + FAKE_PAGE - 1) / FAKE_PAGE * FAKE_PAGE;
    char *start = mmap(NULL, inner + 2 * FAKE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    CHECK(mprotect(start + FAKE_PAGE, inner, PROT_READ | PROT_WRITE) == 0);
    return start + FAKE_PAGE;
}

typedef struct {
    PyThreadState tstate;
    pn_iframe *leaf;
    char *c_stack_end, *c_stack_top; /* grows down */
    uint64_t words[FAKE_CALLS_MAX];  /* the outermost frame's first */
    pn_iframe *frames[FAKE_CALLS_MAX];
    uint32_t depth;
#ifdef PN_WALK_CFRAME
    uint32_t entry_depth; /* of the frames outside the innermost entry */
    bool entered;         /* and nothing was called yet */
#else
    char *frame_memory;
#endif
} fake_stack;

static inline fake_stack *fake_new(void)
{
    /* Not freed: it ends with the process of its test. */
    fake_stack *stack = (fake_stack *)(void *)fake_pages(sizeof(*stack));
    char *c_stack = fake_pages(FAKE_C_STACK_BYTES);
    stack->c_stack_end = stack->c_stack_top = c_stack + FAKE_C_STACK_BYTES;
#ifdef PN_WALK_CFRAME
    stack->tstate.cframe = &stack->tstate.root_cframe;
#else
    stack->frame_memory = fake_pages(FAKE_CALLS_MAX * sizeof(pn_iframe));
#endif
    return stack;
}

static inline void *fake_c_stack(fake_stack *stack, size_t bytes)
{
    stack->c_stack_top -= bytes;
    CHECK(stack->c_stack_top >= stack->c_stack_end - FAKE_C_STACK_BYTES);
    return stack->c_stack_top;
}

/* ---- frames ---- */

static inline void fake_set_previous(pn_iframe *frame, pn_iframe *previous)
{
#if PY_VERSION_HEX < 0x030B0000
    frame->f_back = previous;
#else
    frame->previous = previous;
#endif
}

static inline void fake_set_leaf(fake_stack *stack, pn_iframe *leaf)
{
#if PY_VERSION_HEX < 0x030B0000
    stack->tstate.frame = leaf;
#elif defined(PN_WALK_CFRAME)
    stack->tstate.cframe->current_frame = leaf;
#else
    stack->tstate.current_frame = leaf;
#endif
}

static inline void fake_set_code(pn_iframe *frame, uintptr_t code)
{
#if PY_VERSION_HEX < 0x030D0000
    frame->f_code = (PyCodeObject *)code;
#elif PY_VERSION_HEX < 0x030E0000
    frame->f_executable = (PyObject *)code;
#else
    frame->f_executable.bits = code;
#endif
}

/* `unit`: -1 is before the first instruction. */
static inline void fake_set_unit(pn_iframe *frame, uintptr_t code, int unit)
{
#if PY_VERSION_HEX < 0x030A0000
    (void)code;
    frame->f_lasti = unit < 0 ? -1 : unit * 2;
#elif PY_VERSION_HEX < 0x030B0000
    (void)code;
    frame->f_lasti = unit;
#else
    uintptr_t start = code + offsetof(PyCodeObject, co_code_adaptive);
    _Py_CODEUNIT *instruction = (_Py_CODEUNIT *)(start + (uintptr_t)(intptr_t)unit * 2);
#ifdef PN_WALK_CFRAME
    frame->prev_instr = instruction;
#else
    frame->instr_ptr = instruction;
#endif
#endif
}

static inline uintptr_t fake_code(uint32_t number)
{
#ifdef PN_WALK_CFRAME
    /* Where a walk may mistake it for a frame, there is memory in real life. */
    static char *codes;
    if (codes == NULL)
        codes = fake_pages(FAKE_CALLS_MAX * 8 + 2 * FAKE_PAGE) + FAKE_PAGE;
    return (uintptr_t)codes + number * 8;
#else
    /* Never followed, so nothing need be there. */
    return 0x10000 + (uintptr_t)number * 8;
#endif
}

static inline void fake_link(fake_stack *stack, pn_iframe *frame)
{
    fake_set_previous(frame, stack->leaf);
    stack->leaf = frame;
    fake_set_leaf(stack, frame);
}

#ifdef PN_WALK_CFRAME
/* What else there is in frames: pointers to objects, and the numbers that a
 * caller's frame keeps while its callee runs. */
static inline void fake_fill(fake_stack *stack, pn_iframe *frame)
{
    static PyObject *object;
    if (object == NULL)
        object = (PyObject *)(void *)fake_pages(FAKE_PAGE);
    frame->f_globals = frame->f_builtins = object;
    frame->stacktop = -1;
    pn_iframe *caller = stack->leaf;
    if (caller != NULL && !pn_is_shim_sig(caller))
        caller->stacktop = (int)(stack->depth % 16);
#if PN_SHIMS_ON_C_STACK
    if (caller != NULL)
        caller->return_offset = (uint16_t)(stack->depth % 5);
#else
    frame->is_entry = stack->entered;
#endif
}
#endif

/* Make a frame, wherever it lies, the one that runs. */
static inline pn_iframe *fake_run(fake_stack *stack, pn_iframe *frame)
{
    CHECK(stack->depth < FAKE_CALLS_MAX);
    uint32_t number = stack->depth++;
    fake_set_code(frame, fake_code(number));
    int unit = (int)number * 4;
    fake_set_unit(frame, fake_code(number), unit);
    stack->words[number] = pn_word_pack_sig(fake_code(number), unit + 1);
    stack->frames[number] = frame;
#ifdef PN_WALK_CFRAME
    fake_fill(stack, frame);
    stack->entered = false;
#endif
    fake_link(stack, frame);
    return frame;
}

/* ---- what happens to a stack ---- */

#ifdef PN_WALK_CFRAME
static inline _PyStackChunk *fake_new_chunk(_PyStackChunk *previous)
{
    enum { CHUNK_BYTES = 4 * FAKE_PAGE };
    _PyStackChunk *chunk = (_PyStackChunk *)(void *)fake_pages(CHUNK_BYTES);
    chunk->previous = previous;
    chunk->size = CHUNK_BYTES;
    return chunk;
}

/* Room for a frame in the data stack. */
static inline pn_iframe *fake_push_data(fake_stack *stack, size_t slots)
{
    PyThreadState *tstate = &stack->tstate;
    size_t words = offsetof(pn_iframe, localsplus) / sizeof(PyObject *) + slots;
    _PyStackChunk *chunk = tstate->datastack_chunk;
    if (chunk == NULL || (char *)(tstate->datastack_top + words) > (char *)chunk + chunk->size) {
        chunk = tstate->datastack_chunk = fake_new_chunk(chunk);
        tstate->datastack_top = chunk->data;
    }
    pn_iframe *frame = (pn_iframe *)(void *)tstate->datastack_top;
    tstate->datastack_top += words;
    return frame;
}

/* C calls the interpreter. */
static inline void fake_enter(fake_stack *stack)
{
    stack->entry_depth = stack->depth;
    stack->entered = true;
#if PN_SHIMS_ON_C_STACK
    pn_iframe *shim = fake_c_stack(stack, sizeof(*shim));
    shim->owner = FRAME_OWNED_BY_CSTACK;
#endif
    _PyCFrame *cframe = fake_c_stack(stack, sizeof(*cframe));
    cframe->previous = stack->tstate.cframe;
    stack->tstate.cframe = cframe;
#if PN_SHIMS_ON_C_STACK
    fake_link(stack, shim);
#endif
}

/* A function is called: some have no locals, and their frames end early. */
static inline pn_iframe *fake_call(fake_stack *stack)
{
    return fake_run(stack, fake_push_data(stack, stack->depth % 3));
}

/* The interpreter's. */
PyTypeObject PyGen_Type, PyCoro_Type, PyAsyncGen_Type;

/* The frame of a generator, in memory that ends where it does. */
static inline pn_iframe *fake_new_generator(PyTypeObject *type)
{
    size_t bytes = offsetof(PyGenObject, gi_iframe) + sizeof(pn_iframe);
    char *end = fake_pages(FAKE_PAGE) + FAKE_PAGE;
    PyGenObject *generator = (PyGenObject *)(void *)(end - bytes / 8 * 8);
    generator->ob_base.ob_refcnt = 1;
    generator->ob_base.ob_type = type;
    generator->gi_frame_state = FRAME_EXECUTING;
    pn_iframe *frame = (pn_iframe *)(void *)generator->gi_iframe;
    frame->owner = FRAME_OWNED_BY_GENERATOR;
    return frame;
}

static inline PyGenObject *fake_generator_of(pn_iframe *frame)
{
    return (PyGenObject *)(void *)((char *)frame - offsetof(PyGenObject, gi_iframe));
}

/* A generator, coroutine or asynchronous generator is resumed. */
static inline pn_iframe *fake_resume(fake_stack *stack, PyTypeObject *type)
{
    return fake_run(stack, fake_new_generator(type));
}
#else
static inline void fake_enter(fake_stack *stack)
{
#if FAKE_HAS_SHIMS
    pn_iframe *shim = fake_c_stack(stack, sizeof(*shim));
#if PY_VERSION_HEX < 0x030E0000
    shim->owner = FRAME_OWNED_BY_CSTACK;
#else
    shim->owner = FRAME_OWNED_BY_INTERPRETER;
#endif
#if PY_VERSION_HEX >= 0x030F0000
    if (stack->leaf == NULL)
        stack->tstate.base_frame = shim;
#endif
    fake_link(stack, shim);
#else
    (void)stack;
#endif
}

static inline pn_iframe *fake_call(fake_stack *stack)
{
    return fake_run(stack, (pn_iframe *)(void *)stack->frame_memory + stack->depth);
}
#endif

static inline void fake_calls(fake_stack *stack, uint32_t count)
{
    while (count-- > 0)
        fake_call(stack);
}

/* ---- walks ---- */

static inline pn_walk fake_walk(const fake_stack *stack, uint64_t *words)
{
    return pn_walk_sig(&stack->tstate, (uintptr_t)stack->c_stack_top - 8,
                       (uintptr_t)stack->c_stack_end, words);
}

/* Walk, and check the words against the `count` frames that lie outwards from
 * the one that is `from` from the root. */
static inline void fake_check(const fake_stack *stack, pn_walk expected, uint32_t from)
{
    uint64_t *words = malloc(PN_DEPTH_MAX * sizeof(*words));
    pn_walk walk = fake_walk(stack, words);
    CHECK_EQUAL(walk.result, expected.result);
    CHECK_EQUAL(walk.retried, expected.retried);
    if (expected.result != PN_WALK_TORN) {
        CHECK_EQUAL(walk.depth, expected.depth);
        for (uint32_t i = 0; i < walk.depth; i++)
            CHECK_EQUAL(words[i], stack->words[from - 1 - i]);
    }
    free(words);
}

static inline void fake_check_whole(const fake_stack *stack)
{
    fake_check(stack, (pn_walk){PN_WALK_WHOLE, false, stack->depth}, stack->depth);
}

static inline void fake_check_truncated(const fake_stack *stack, uint32_t depth)
{
    fake_check(stack, (pn_walk){PN_WALK_TRUNCATED, false, depth}, stack->depth);
}

#endif
