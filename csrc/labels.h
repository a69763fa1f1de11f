/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Label sets: whose they are, how long they live, when they end.
 *
 * A label set is an immutable object: the labels of one scope, and the set of the
 * scope around it. The context variable (context.h) holds the innermost. To
 * enter a scope is to make a set and put it there; to leave it is to put back what
 * was outside, or, where there are scopes inside that go on, copies of theirs around
 * that. Besides, a thread has one set for the tags that are its own, whatever
 * context it runs in.
 *
 * Handlers copy the addresses of both into the record, and mark the sets as
 * sampled. No handler runs in a thread that is freeing a set of its own, so when
 * a set dies, all records that mean it were claimed before, and the mark was made: by
 * this thread, or by one that has had the GIL since. One that was sampled
 * stays in memory until the ring has been read that far: at most as many as
 * there are records.
 *
 * A scope that is left in another context than it was entered in (a span ended by
 * another thread, a generator closed by the garbage collector) can't be taken out of
 * all the contexts that have it. It is marked as ended instead, at the ring's
 * position: records from there on don't have its labels.
 *
 * Everything here but the handler's part runs under the GIL.
 */
#ifndef PN_LABELS_H
#define PN_LABELS_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

typedef struct pn_label_scope pn_label_scope;

/* Once for the life of the process. Returns 0, or -1 with an exception set. */
int pn_labels_open_gil(void);

/* Whether records may mean label sets. Turning it off frees the dead. */
void pn_labels_track_gil(bool on);
bool pn_labels_are_tracked_gil(void);

/* A scope that can be entered, any number of times; NULL without memory. NULL may be
 * released. */
pn_label_scope *pn_labels_scope_new_gil(void);
void pn_labels_scope_release_gil(pn_label_scope *scope);

/* Enter a scope. `own` is a tuple of names and values in turn, all of them str.
 * False with an exception set: nothing was entered. */
bool pn_labels_enter_gil(PyObject *own, pn_label_scope *scope);

/* Undo an entry in the current context. Where it has none, false: the scope has ended,
 * or, if this is not its only entry that is open, nothing has happened: which is
 * meant can't be told. */
bool pn_labels_leave_gil(pn_label_scope *scope, bool is_only_entry);

/* End a scope for good, in whichever contexts it is or will be. */
void pn_labels_end_gil(pn_label_scope *scope);

/* The tags of the calling thread, as `own` above; NULL: none. Returns 0, or -1
 * with an exception set. */
int pn_labels_set_thread_gil(PyObject *own);

/* The same as set: borrowed, or NULL. */
PyObject *pn_labels_thread_gil(void);

/* Note in a record which sets hold for the calling thread. */
void pn_labels_note_sig(const PyThreadState *tstate, pn_record *record);

/* Whether the label sets of a record are in memory: not those of records that a
 * handler completed so late that the profiler had been stopped. */
bool pn_labels_are_known_gil(const pn_record *record);

typedef struct {
    /* A new tuple of names and values in turn, inner ones before outer ones, the
     * thread's last; each name once. NULL with an exception set. */
    PyObject *flat;
    bool is_whole;   /* false: there are more scopes around than were looked for */
    bool is_lasting; /* other records of the same sets have the same labels */
    uint64_t epoch;  /* until this passes */
} pn_labels_found;

/* The labels of a record. */
pn_labels_found pn_labels_find_gil(const pn_record *record);

/* A number that was kept for the label sets of a record, which has at least one,
 * since the last pn_labels_forget_gil: 0 where there is none. */
uint32_t pn_labels_number_gil(const pn_record *record);
void pn_labels_keep_number_gil(const pn_record *record, uint32_t number, uint64_t epoch);
void pn_labels_forget_gil(void);

/* All records before `ring_tail` have been dealt with: free the dead that no other
 * needs. */
void pn_labels_bury_gil(uint64_t ring_tail);

#endif
