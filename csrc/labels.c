/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "labels.h"

#include "context.h"
#include "tls.h"

#include <stdatomic.h>

/* A series may have 30 labels; who counts what is left out looks further. Scopes are
 * looked for up to SCOPES_MAX deep: some microseconds. */
enum { LABELS_MAX = 64, SCOPES_MAX = 2048 };
#define NOT_ENDED UINT64_MAX

typedef struct pn_label_set pn_label_set;

/* What its entries have in common. */
struct pn_label_scope {
    uint64_t ended_at; /* ring position, or NOT_ENDED */
    size_t holders;    /* sets, and who enters it */
};

struct pn_label_set {
    PyObject_HEAD PyObject *own;
    pn_label_set *outer;     /* or NULL */
    pn_label_scope *scope;   /* NULL: a thread's tags */
    const PyObject *home;    /* the context that it was entered in, an address only */
    _Atomic bool is_sampled; /* some record means it */
    uint64_t serial;         /* tells sets from those before at the same address */
    uint64_t number_epoch;   /* when `number` was given */
    uint64_t number_beside;  /* serial of the thread's set that it was given with */
    uint32_t number;         /* of its labels in the open window */
    uint64_t died_at;        /* ring position */
    pn_label_set *next_dead;
};

static struct {
    bool tracking;
    /* Records before this position may mean sets that were not kept. */
    uint64_t blind_until;
    /* Records before this position have been dealt with. */
    uint64_t read_until;
    uint64_t serial;
    uint64_t epoch; /* numbers given in another are not valid; 0: none is */
    /* A queue, in the order of positions. */
    pn_label_set *first_dead, *last_dead;
} labels;

/* Read by the thread's own handler: atomic, lest the compiler store it late. */
static PN_THREAD_LOCAL pn_label_set *_Atomic of_thread;

/* ---- life and death ---- */

pn_label_scope *pn_labels_scope_new_gil(void)
{
    pn_label_scope *scope = PyMem_Malloc(sizeof(*scope));
    if (scope != NULL)
        *scope = (pn_label_scope){.ended_at = NOT_ENDED, .holders = 1};
    return scope;
}

void pn_labels_scope_release_gil(pn_label_scope *scope)
{
    if (scope != NULL && --scope->holders == 0)
        PyMem_Free(scope);
}

static void bury_later(pn_label_set *set)
{
    set->died_at = pn_ring_head();
    set->next_dead = NULL;
    if (labels.last_dead != NULL)
        labels.last_dead->next_dead = set;
    else
        labels.first_dead = set;
    labels.last_dead = set;
}

static bool is_needed(pn_label_set *set)
{
    /* Not the ring's tail, which is past the record that is being dealt with. */
    return labels.tracking && atomic_load_explicit(&set->is_sampled, memory_order_relaxed) &&
           pn_ring_head() != labels.read_until;
}

/* Free a set, and those around it that nobody else has: in a loop, as scopes may
 * be nested without limit. */
static void free_sets(pn_label_set *set)
{
    for (;;) {
        pn_label_set *outer = set->outer;
        Py_DECREF(set->own);
        pn_labels_scope_release_gil(set->scope);
        PyObject_Free(set);
        if (outer == NULL)
            return;
        if (Py_REFCNT(outer) > 1) {
            Py_DECREF(outer);
            return;
        }
        if (is_needed(outer)) {
            bury_later(outer);
            return;
        }
        set = outer;
    }
}

static void dealloc(PyObject *object)
{
    pn_label_set *set = (pn_label_set *)object;
    if (is_needed(set))
        bury_later(set);
    else
        free_sets(set);
}

static PyTypeObject set_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "pyroscope_native._core.LabelSet",
    .tp_doc = PyDoc_STR("The labels of a scope and of those around it."),
    .tp_basicsize = sizeof(pn_label_set),
    .tp_dealloc = dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
};

static pn_label_set *as_set_sig(PyObject *value)
{
    return value != NULL && Py_TYPE(value) == &set_type ? (pn_label_set *)value : NULL;
}

static pn_label_set *new_set(PyObject *own, pn_label_set *outer, pn_label_scope *scope,
                             const PyObject *home)
{
    pn_label_set *set = PyObject_New(pn_label_set, &set_type);
    if (set == NULL)
        return NULL;
    Py_INCREF(own);
    Py_XINCREF((PyObject *)outer);
    set->own = own;
    set->outer = outer;
    set->scope = scope;
    if (scope != NULL)
        scope->holders++;
    set->home = home;
    atomic_init(&set->is_sampled, false);
    set->serial = ++labels.serial;
    set->number_epoch = 0;
    return set;
}

int pn_labels_open_gil(void)
{
    if (pn_context_open_gil() != 0)
        return -1;
    labels.epoch = labels.epoch ? labels.epoch : 1;
    return PyType_Ready(&set_type);
}

void pn_labels_track_gil(bool on)
{
    labels.tracking = on;
    labels.blind_until = on ? pn_ring_head() : UINT64_MAX;
    if (!on) {
        pn_labels_bury_gil(UINT64_MAX);
        pn_labels_forget_gil();
    }
}

bool pn_labels_are_tracked_gil(void)
{
    return labels.tracking;
}

void pn_labels_bury_gil(uint64_t ring_tail)
{
    labels.read_until = ring_tail;
    while (labels.first_dead != NULL && labels.first_dead->died_at <= ring_tail) {
        pn_label_set *set = labels.first_dead;
        labels.first_dead = set->next_dead;
        if (labels.first_dead == NULL)
            labels.last_dead = NULL;
        free_sets(set);
    }
}

/* ---- scopes ---- */

static const PyObject *current_context(void)
{
    return PyThreadState_Get()->context;
}

/* Calls of `put` under way in this thread. Before CPython 3.12 one may run the garbage
 * collector, and that a finalizer that leaves a scope: what it puts is undone. */
static PN_THREAD_LOCAL int putting;

static int put(pn_label_set *set)
{
    putting++;
    int failed = pn_context_set_gil(set != NULL ? (PyObject *)set : Py_None);
    putting--;
    return failed;
}

static bool has_ended(const pn_label_set *set)
{
    return set->scope->ended_at != NOT_ENDED;
}

static pn_label_set *without_ended(pn_label_set *set)
{
    while (set != NULL && has_ended(set))
        set = set->outer;
    return set;
}

/* The same set, a new reference, or a copy that has nothing ended just outside it:
 * scopes may overlap, and end elsewhere, for ever. NULL with an exception set. */
static pn_label_set *trimmed(pn_label_set *set)
{
    if (set->outer != NULL && has_ended(set->outer))
        return new_set(set->own, without_ended(set->outer), set->scope, set->home);
    Py_INCREF((PyObject *)set);
    return set;
}

bool pn_labels_enter_gil(PyObject *own, pn_label_scope *scope)
{
    PyObject *value = pn_context_get_gil();
    if (value == NULL && PyErr_Occurred())
        return false;
    pn_label_set *outer = without_ended(as_set_sig(value));
    bool failed = outer != NULL && (outer = trimmed(outer)) == NULL;
    pn_label_set *set = failed ? NULL : new_set(own, outer, scope, NULL);
    bool entered = set != NULL && put(set) == 0;
    if (entered)
        set->home = current_context(); /* the first variable to be set may have made it */
    Py_XDECREF((PyObject *)set);
    Py_XDECREF((PyObject *)outer);
    Py_XDECREF(value);
    return entered;
}

void pn_labels_end_gil(pn_label_scope *scope)
{
    if (scope->ended_at != NOT_ENDED)
        return;
    scope->ended_at = pn_ring_head();
    if (scope->holders > 1)
        labels.epoch++;
}

/* Put what is inside of `set`, from the innermost on, around what it has outside:
 * by copies, as records may mean the sets as they are. Returns 0, or -1 with an
 * exception set. */
static int leave_out(pn_label_set *innermost, const pn_label_set *set)
{
    pn_label_set *inner[SCOPES_MAX];
    int count = 0;
    for (pn_label_set *each = innermost; each != set; each = each->outer)
        if (!has_ended(each))
            inner[count++] = each;
    pn_label_set *last = without_ended(set->outer);
    Py_XINCREF((PyObject *)last);
    while (count > 0) {
        const pn_label_set *each = inner[--count];
        pn_label_set *copy = new_set(each->own, last, each->scope, each->home);
        Py_XDECREF((PyObject *)last);
        if (copy == NULL)
            return -1;
        last = copy;
    }
    int failed = put(last);
    Py_XDECREF((PyObject *)last);
    return failed;
}

bool pn_labels_leave_gil(pn_label_scope *scope, bool is_only_entry)
{
    PyObject *value = pn_context_get_gil();
    pn_label_set *innermost = as_set_sig(value);
    pn_label_set *set = innermost;
    const PyObject *here = current_context();
    int depth = 0;
    while (set != NULL && depth < SCOPES_MAX && !(set->scope == scope && set->home == here)) {
        set = set->outer;
        depth++;
    }
    if (depth == SCOPES_MAX)
        set = NULL;
    bool has_left = set != NULL && leave_out(innermost, set) == 0 && putting == 0;
    if (!has_left && is_only_entry)
        pn_labels_end_gil(scope);
    PyErr_Clear();
    Py_XDECREF(value);
    return has_left;
}

/* ---- tags of threads ---- */

/* Goes with the thread state's dictionary, in the thread or at the end of the
 * interpreter, where no handler looks at labels any more. */
static void drop_thread_set(PyObject *capsule)
{
    pn_label_set *set = PyCapsule_GetPointer(capsule, NULL);
    if (of_thread == set)
        of_thread = NULL;
    Py_DECREF((PyObject *)set);
}

int pn_labels_set_thread_gil(PyObject *own)
{
    static const char key[] = "pyroscope_native.labels";
    PyObject *dictionary = PyThreadState_GetDict();
    if (dictionary == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (own == NULL) {
        of_thread = NULL;
        if (PyDict_DelItemString(dictionary, key) != 0)
            PyErr_Clear(); /* there were none */
        return 0;
    }
    pn_label_set *set = new_set(own, NULL, NULL, NULL);
    if (set == NULL)
        return -1;
    PyObject *capsule = PyCapsule_New(set, NULL, drop_thread_set);
    if (capsule == NULL) {
        Py_DECREF((PyObject *)set);
        return -1;
    }
    /* The former set goes when its capsule is replaced. */
    pn_label_set *former = of_thread;
    of_thread = set;
    int failed = PyDict_SetItemString(dictionary, key, capsule);
    if (failed)
        of_thread = former;
    Py_DECREF(capsule);
    return failed;
}

PyObject *pn_labels_thread_gil(void)
{
    return of_thread != NULL ? of_thread->own : NULL;
}

/* ---- records ---- */

static uintptr_t note_set_sig(pn_label_set *set)
{
    if (set != NULL)
        atomic_store_explicit(&set->is_sampled, true, memory_order_relaxed);
    return (uintptr_t)set;
}

void pn_labels_note_sig(const PyThreadState *tstate, pn_record *record)
{
    record->of_context = note_set_sig(as_set_sig(pn_context_value_sig(tstate)));
    record->of_thread = note_set_sig(atomic_load_explicit(&of_thread, memory_order_relaxed));
}

typedef struct {
    PyObject *items[2 * LABELS_MAX]; /* borrowed */
    Py_ssize_t count;
} collected;

static bool has_name(const collected *all, PyObject *name)
{
    for (Py_ssize_t i = 0; i < all->count; i += 2)
        if (all->items[i] == name || PyUnicode_Compare(all->items[i], name) == 0)
            return true;
    return false;
}

/* The last of a name in `own` counts, and the first that is collected. */
static void collect(collected *all, PyObject *own)
{
    for (Py_ssize_t i = PyTuple_GET_SIZE(own) - 2; i >= 0; i -= 2) {
        PyObject *name = PyTuple_GET_ITEM(own, i);
        if (all->count == 2 * LABELS_MAX || has_name(all, name))
            continue;
        all->items[all->count++] = name;
        all->items[all->count++] = PyTuple_GET_ITEM(own, i + 1);
    }
}

bool pn_labels_are_known_gil(const pn_record *record)
{
    return record->position >= labels.blind_until;
}

pn_labels_found pn_labels_find_gil(const pn_record *record)
{
    pn_labels_found found = {.is_whole = true, .is_lasting = true, .epoch = labels.epoch};
    collected all = {.count = 0};
    const pn_label_set *set = (const pn_label_set *)record->of_context;
    for (int depth = 0; set != NULL; depth++, set = set->outer) {
        if (depth == SCOPES_MAX) {
            found.is_whole = false;
            break;
        }
        if (record->position < set->scope->ended_at)
            collect(&all, set->own);
        if (has_ended(set))
            found.is_lasting = false;
    }
    if (record->of_thread != 0)
        collect(&all, ((const pn_label_set *)record->of_thread)->own);
    found.flat = PyTuple_New(all.count);
    for (Py_ssize_t i = 0; found.flat != NULL && i < all.count; i++) {
        Py_INCREF(all.items[i]);
        PyTuple_SET_ITEM(found.flat, i, all.items[i]);
    }
    return found;
}

/* Who keeps the number, and what it depends on besides. */
static pn_label_set *keeper(const pn_record *record, uint64_t *beside)
{
    pn_label_set *context_set = (pn_label_set *)record->of_context;
    pn_label_set *thread_set = (pn_label_set *)record->of_thread;
    *beside = context_set != NULL && thread_set != NULL ? thread_set->serial : 0;
    return context_set != NULL ? context_set : thread_set;
}

uint32_t pn_labels_number_gil(const pn_record *record)
{
    uint64_t beside;
    const pn_label_set *set = keeper(record, &beside);
    bool is_valid = set->number_epoch == labels.epoch && set->number_beside == beside;
    return is_valid ? set->number : 0;
}

void pn_labels_keep_number_gil(const pn_record *record, uint32_t number, uint64_t epoch)
{
    uint64_t beside;
    pn_label_set *set = keeper(record, &beside);
    set->number = number;
    set->number_epoch = epoch;
    set->number_beside = beside;
}

void pn_labels_forget_gil(void)
{
    labels.epoch++;
}
