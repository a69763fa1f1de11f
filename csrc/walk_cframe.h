/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The walk of 3.11 and 3.12, which must be able to meet garbage. Part of walk.c.
 *
 * The hazard: `tstate->cframe` is published some twenty instructions before
 * its `current_frame` and `previous` are written; until then they hold
 * leftovers of the C stack: small numbers, or pointers that once were right.
 * On 3.11 a popped frame, too, may still be named by `current_frame` while its
 * memory is given back.
 *
 * So a pointer is followed only once it is known to be readable, and a stack
 * is believed only if every link fits:
 *
 *   1. The chain of cframes lies in the live part of this thread's C stack,
 *      ascends, and ends at `tstate->root_cframe`. If not: torn.
 *   2. A frame of a function lies in a data-stack chunk of the thread, below
 *      its top; going outwards, addresses descend and chunks get older.
 *   3. A shim frame (3.12) lies in the live part of the C stack and ascends.
 *   4. Any other frame must be that of a generator or coroutine, on the heap.
 *      Nothing vouches for the pointer to it: the kernel is asked whether it
 *      can be read, and the object around it must be a running generator. Such
 *      a generator vouches for all that is outwards from it, where checking
 *      the frame's owner suffices; but not as the innermost frame, whose own
 *      link may be under way.
 *   5. The frame that ends an entry into the interpreter links to the
 *      `current_frame` of the next cframe.
 *
 * If 2 to 5 fail, the walk starts once more at the cframe below, which 1 has
 * proven: that leaves out an entry that has not run anything yet.
 */
#ifndef PN_WALK_CFRAME_H
#define PN_WALK_CFRAME_H

#include "readable.h"

/* Entries of C into Python that are live at once: the C stack (8 MB) ends
 * before this at 500 bytes an entry. */
enum { CFRAMES_MAX = 16384 };
/* Chunks begin at 16 KB and hold several frames each. */
enum { CHUNKS_MAX = 4096 };

typedef struct {
    const PyThreadState *tstate;
    uintptr_t low, end; /* of the live C stack */
} bounds;

/* What a frame takes without its local variables. */
enum { FRAME_BYTES_MIN = sizeof(pn_iframe) - sizeof(PyObject *) };

/* A place in the data stack: the next frame begins from `first` to `last` in
 * `chunk`, or in an older one. */
typedef struct {
    const _PyStackChunk *chunk;
    uintptr_t first, last;
    int chunks_left;
} data_stack;

static inline data_stack place_below_sig(const _PyStackChunk *chunk, uintptr_t limit,
                                         int chunks_left)
{
    return (data_stack){chunk, (uintptr_t)&chunk->data[0], limit - FRAME_BYTES_MIN, chunks_left};
}

static inline bool on_c_stack_sig(const bounds *in, const void *pointer, size_t bytes)
{
    uintptr_t address = (uintptr_t)pointer;
    return address > in->low && (address & 7) == 0 && address < in->end &&
           in->end - address >= bytes;
}

/* Rule 1. */
static bool cframes_are_sound_sig(const bounds *in)
{
    const _PyCFrame *cframe = in->tstate->cframe;
    const _PyCFrame *root = &in->tstate->root_cframe;
    for (int i = 0; i < CFRAMES_MAX; i++) {
        if (cframe == root)
            return true;
        if (!on_c_stack_sig(in, cframe, sizeof(*cframe)))
            return false;
        const _PyCFrame *previous = cframe->previous;
        if (previous != root && previous <= cframe)
            return false;
        cframe = previous;
    }
    return false;
}

static data_stack data_stack_of_sig(const PyThreadState *tstate)
{
    const _PyStackChunk *chunk = tstate->datastack_chunk;
    if (chunk == NULL)
        return (data_stack){NULL, 1, 0, 0};
    uintptr_t chunk_end = (uintptr_t)chunk + chunk->size;
    uintptr_t top = (uintptr_t)tstate->datastack_top;
    bool top_is_sound = top >= (uintptr_t)chunk && top <= chunk_end;
    return place_below_sig(chunk, top_is_sound ? top : chunk_end, CHUNKS_MAX);
}

/* Rule 2: whether a frame is in the place's chunk. */
static inline bool in_chunk_sig(const data_stack *data, uintptr_t address)
{
    return address >= data->first && address <= data->last;
}

/* The same for one that is not: go on to an older chunk that has it. A heap
 * frame leaves the place as it is. */
static __attribute__((noinline)) bool in_older_chunk_sig(data_stack *data, uintptr_t address)
{
    const _PyStackChunk *chunk = data->chunk;
    if (chunk == NULL || (address >= data->first && address < (uintptr_t)chunk + chunk->size))
        return false; /* popped, or seen before */
    int chunks_left = data->chunks_left;
    while ((chunk = chunk->previous) != NULL && --chunks_left > 0) {
        uintptr_t chunk_end = (uintptr_t)chunk + chunk->size;
        if (address < (uintptr_t)&chunk->data[0] || address >= chunk_end)
            continue;
        *data = place_below_sig(chunk, chunk_end, chunks_left);
        return address <= data->last;
    }
    return false;
}

/* Rule 4, where nothing vouches for the frame. */
static bool is_running_generator_sig(const pn_iframe *frame)
{
    const char *start = (const char *)frame - offsetof(PyGenObject, gi_iframe);
    size_t bytes = offsetof(PyGenObject, gi_iframe) + sizeof(pn_iframe);
    if (!pn_is_address_sig((uintptr_t)start) || !pn_is_readable_sig(start, bytes))
        return false;
    const PyGenObject *generator = (const PyGenObject *)(const void *)start;
    const PyTypeObject *type = Py_TYPE(generator);
    return (type == &PyGen_Type || type == &PyCoro_Type || type == &PyAsyncGen_Type) &&
           Py_REFCNT(generator) > 0 && generator->gi_frame_state == FRAME_EXECUTING;
}

static pn_walk walk_from_sig(const bounds *in, const _PyCFrame *cframe, uint64_t *stack)
{
    pn_walk walk = {.result = PN_WALK_TORN};
    data_stack data = data_stack_of_sig(in->tstate);
    const _PyCFrame *root = &in->tstate->root_cframe;
    const pn_iframe *frame = cframe->current_frame;
    uintptr_t last_shim = in->low;
    bool vouched = false;
    int links = 0;

    for (;; cframe = cframe->previous) {
        bool ends_entry = frame == NULL;
        if (ends_entry && cframe != root)
            return walk;
        while (!ends_entry) {
            if (links++ == LINKS_MAX) {
                walk.result = PN_WALK_TRUNCATED;
                return walk;
            }
            if (!pn_is_address_sig((uintptr_t)frame))
                return walk;
            bool in_chunk = in_chunk_sig(&data, (uintptr_t)frame);
            if (vouched && frame->owner == FRAME_OWNED_BY_GENERATOR) {
                /* rule 4, vouched for */
            } else if (PN_SHIMS_ON_C_STACK && !in_chunk &&
                       on_c_stack_sig(in, frame, sizeof(*frame))) {
                if (!pn_is_shim_sig(frame) || (uintptr_t)frame <= last_shim)
                    return walk;
                last_shim = (uintptr_t)frame;
            } else if (in_chunk || in_older_chunk_sig(&data, (uintptr_t)frame)) {
                if (frame->owner != FRAME_OWNED_BY_THREAD)
                    return walk;
                data.last = (uintptr_t)frame - FRAME_BYTES_MIN;
            } else if (is_running_generator_sig(frame) &&
                       frame->owner == FRAME_OWNED_BY_GENERATOR) {
                vouched = walk.depth > 0;
            } else {
                return walk;
            }
            if (!pn_is_shim_sig(frame)) {
                if (walk.depth == PN_DEPTH_MAX) {
                    walk.result = PN_WALK_TRUNCATED;
                    return walk;
                }
                uintptr_t code = pn_code_sig(frame);
                if (!pn_is_address_sig(code) || ((uintptr_t)frame->prev_instr & 1) != 0)
                    return walk;
                stack[walk.depth++] = pn_word_pack_sig(code, pn_unit_sig(frame, code));
            }
            const pn_iframe *previous = frame->previous;
            ends_entry = pn_ends_entry_sig(frame);
            /* 3.11: a frame that an exception is thrown into runs in the entry
             * of who throws, and is still marked as ending one of its own. */
            if (ends_entry && frame->owner == FRAME_OWNED_BY_GENERATOR && cframe != root &&
                previous != NULL && previous != cframe->previous->current_frame)
                ends_entry = false;
            frame = previous;
            if (frame == NULL && !ends_entry)
                return walk;
        }
        if (cframe == root)
            break;
        if (frame != cframe->previous->current_frame)
            return walk;
        /* The root has no frames of its own; nor has the outermost cframe of a
         * greenlet, which lies between. */
        if (frame == NULL && (cframe->previous == root || cframe->previous->previous == root))
            break;
    }
    if (frame != NULL)
        return walk;
    walk.result = walk.depth > 0 ? PN_WALK_WHOLE : PN_WALK_NONE;
    return walk;
}

pn_walk pn_walk_sig(const PyThreadState *tstate, uintptr_t c_stack_low, uintptr_t c_stack_end,
                    uint64_t *stack)
{
    const bounds in = {.tstate = tstate, .low = c_stack_low, .end = c_stack_end};
    if (!cframes_are_sound_sig(&in))
        return (pn_walk){.result = PN_WALK_TORN};
    const _PyCFrame *cframe = tstate->cframe;
    pn_walk walk = walk_from_sig(&in, cframe, stack);
    if (walk.result == PN_WALK_TORN && cframe != &tstate->root_cframe) {
        walk = walk_from_sig(&in, cframe->previous, stack);
        walk.retried = true;
        /* The entry that was left out runs Python: it can't be that none does. */
        if (walk.result == PN_WALK_NONE)
            walk.result = PN_WALK_TORN;
    }
    return walk;
}

#endif
