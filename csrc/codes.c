/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codes.h"

#include "frames/frames.h"
#include "readable.h"
#include "ring.h"
#include "stack_word.h"
#include "wake.h"

#include <stdlib.h>
#include <string.h>

/* The drain is woken for these many tombstones; ten times as many as a drain
 * that is only slow can meet end the keeping. */
enum { TOMBSTONES_WAKE = 4096, TOMBSTONES_MAX = 65536 };
#define NONE UINT32_MAX
#define NO_STONE UINT64_MAX

typedef struct {
    uint64_t position; /* ring head at death */
    pn_function function;
    uint32_t number;  /* of the function in the open window, or NONE */
    uint64_t younger; /* next tombstone at the same address, or NO_STONE */
    uintptr_t address;
} tombstone;

/* What is known of an address. */
typedef struct {
    uintptr_t address;         /* 0: free */
    uint32_t number;           /* of the function that lives there, or NONE */
    uint32_t kind;             /* enum pn_code_kind of the same */
    uint64_t oldest, youngest; /* tombstones, or NO_STONE */
} place;

static struct {
    bool tracking;
    /* Records before this position may mean code objects whose tombstones
     * were not kept. */
    uint64_t blind_until;
    /* A queue, in the order of positions: stones are numbered as they come,
     * and lie in a power of two of places by their number. */
    tombstone *stones;
    uint32_t stone_capacity;
    uint64_t first_stone, next_stone;
    /* Open addressing, at most half full. */
    place *places;
    uint32_t place_count, place_capacity;
} codes;

/* ---- functions ---- */

static pn_function own(pn_function function)
{
    Py_INCREF(function.qualname);
    Py_INCREF(function.filename);
    Py_INCREF(function.line_table);
    return function;
}

static pn_function function_of(PyCodeObject *code)
{
    return own((pn_function){
        .qualname = pn_code_qualname(code),
        .filename = code->co_filename,
        .line_table = pn_code_line_table(code),
        .first_line = code->co_firstlineno,
        .units = (uint32_t)pn_code_units(code),
    });
}

void pn_function_release_gil(pn_function *function)
{
    Py_CLEAR(function->qualname);
    Py_CLEAR(function->filename);
    Py_CLEAR(function->line_table);
    free(function->runs);
    function->runs = NULL;
}

static void decode_lines(pn_function *function)
{
    const uint8_t *table = (const uint8_t *)PyBytes_AS_STRING(function->line_table);
    size_t bytes = (size_t)PyBytes_GET_SIZE(function->line_table);
    size_t count = pn_lines_decode(PN_LINE_FORMAT, table, bytes, function->first_line,
                                   function->units, NULL, 0);
    function->runs = malloc((count > 0 ? count : 1) * sizeof(pn_line_run));
    if (function->runs == NULL)
        return;
    function->run_count = pn_lines_decode(PN_LINE_FORMAT, table, bytes, function->first_line,
                                          function->units, function->runs, count);
}

int32_t pn_function_line_gil(pn_function *function, uint32_t unit)
{
    if (unit == 0)
        return function->first_line;
    if (function->runs == NULL)
        decode_lines(function);
    if (function->runs == NULL)
        return 0;
    return pn_lines_find(function->runs, function->run_count, unit - 1);
}

static uint32_t add_function(pn_functions *functions, pn_function function)
{
    if (functions->count == functions->capacity) {
        uint32_t capacity = functions->capacity ? functions->capacity * 2 : 256;
        pn_function *items = realloc(functions->items, capacity * sizeof(*items));
        if (items == NULL) {
            pn_function_release_gil(&function);
            return NONE;
        }
        functions->items = items;
        functions->capacity = capacity;
    }
    functions->items[functions->count] = function;
    return functions->count++;
}

/* ---- places ---- */

static uint32_t hash_address(uintptr_t address)
{
    return (uint32_t)((address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static place *probe(place *places, uint32_t capacity, uintptr_t address)
{
    uint32_t at = hash_address(address) & (capacity - 1);
    while (places[at].address != 0 && places[at].address != address)
        at = (at + 1) & (capacity - 1);
    return &places[at];
}

static place *find_place(uintptr_t address)
{
    if (codes.place_capacity == 0)
        return NULL;
    place *found = probe(codes.places, codes.place_capacity, address);
    return found->address != 0 ? found : NULL;
}

/* Find or make the place of an address; NULL without memory. */
static place *place_of(uintptr_t address)
{
    place *known = find_place(address);
    if (known != NULL)
        return known;
    if (codes.place_count * 2 >= codes.place_capacity) {
        uint32_t capacity = codes.place_capacity ? codes.place_capacity * 2 : 1024;
        place *places = calloc(capacity, sizeof(*places));
        if (places == NULL)
            return NULL;
        for (uint32_t i = 0; i < codes.place_capacity; i++)
            if (codes.places[i].address != 0)
                *probe(places, capacity, codes.places[i].address) = codes.places[i];
        free(codes.places);
        codes.places = places;
        codes.place_capacity = capacity;
    }
    place *found = probe(codes.places, codes.place_capacity, address);
    if (found->address == 0) {
        *found = (place){address, NONE, PN_CODE_UNRESOLVED, NO_STONE, NO_STONE};
        codes.place_count++;
    }
    return found;
}

/* ---- death ---- */

static tombstone *stone_at(uint64_t number)
{
    return &codes.stones[number & (codes.stone_capacity - 1)];
}

static bool grow_stones(void)
{
    uint32_t capacity = codes.stone_capacity ? codes.stone_capacity * 2 : 256;
    tombstone *stones = malloc(capacity * sizeof(*stones));
    if (capacity > TOMBSTONES_MAX || stones == NULL) {
        free(stones);
        return false;
    }
    for (uint64_t i = codes.first_stone; i < codes.next_stone; i++)
        stones[i & (capacity - 1)] = *stone_at(i);
    free(codes.stones);
    codes.stones = stones;
    codes.stone_capacity = capacity;
    return true;
}

static void link_stone(place *at, uint64_t number)
{
    if (at->youngest != NO_STONE)
        stone_at(at->youngest)->younger = number;
    else
        at->oldest = number;
    at->youngest = number;
}

static void append_tombstone(PyCodeObject *code)
{
    uint64_t position = pn_ring_head();
    place *at = place_of((uintptr_t)code);
    if (at == NULL || (pn_codes_tombstones() == codes.stone_capacity && !grow_stones())) {
        codes.blind_until = position;
        if (at != NULL)
            at->number = NONE;
        return;
    }
    uint64_t number = codes.next_stone++;
    *stone_at(number) = (tombstone){
        .position = position,
        .function = function_of(code),
        .number = at->kind == PN_CODE_FUNCTION ? at->number : NONE,
        .younger = NO_STONE,
        .address = (uintptr_t)code,
    };
    link_stone(at, number);
    at->number = NONE;
    if (pn_codes_tombstones() == TOMBSTONES_WAKE)
        pn_wake_post_sig(PN_WAKE_DRAIN);
}

/* A code object is about to be freed, whole as yet. Nothing can be sampled
 * that no record means: with an empty ring no tombstone is needed. */
static void on_death(PyCodeObject *code)
{
    if (!codes.tracking)
        return;
    if (pn_ring_head() != pn_ring_tail()) {
        append_tombstone(code);
        return;
    }
    place *at = find_place((uintptr_t)code);
    if (at != NULL)
        at->number = NONE;
}

#ifdef PN_HAS_CODE_WATCHER
static int on_code_event(PyCodeEvent event, PyCodeObject *code)
{
    if (event == PY_CODE_EVENT_DESTROY)
        on_death(code);
    return 0;
}

static int install_hook(void)
{
    return PyCode_AddWatcher(on_code_event) < 0 ? -1 : 0;
}
#else
static destructor original_dealloc;

static void dealloc_code(PyObject *code)
{
    on_death((PyCodeObject *)code);
    original_dealloc(code);
}

/* The type is static and ours to change; changing it back under somebody who
 * has changed it since would cut him off, so it stays. */
static int install_hook(void)
{
    original_dealloc = PyCode_Type.tp_dealloc;
    PyCode_Type.tp_dealloc = dealloc_code;
    return 0;
}
#endif

int pn_codes_install_gil(void)
{
    static bool installed;
    if (!installed && install_hook() != 0)
        return -1;
    installed = true;
    return 0;
}

void pn_codes_track_gil(bool on)
{
    codes.tracking = on;
    if (on)
        codes.blind_until = pn_ring_head();
    else
        pn_codes_reset_gil();
}

/* ---- naming ---- */

/* CPython 3.12 and later push a frame of their own between a class that is
 * called and its __init__; one object is its code's file and both names. */
static bool is_init_shim(PyCodeObject *code)
{
    return code->co_filename == code->co_name && pn_code_qualname(code) == code->co_name &&
           PyUnicode_CompareWithASCIIString(code->co_name, "__init__") == 0;
}

/* Read the object at an address that no tombstone covers. A torn stack that
 * was passed off as whole must not bring us down: nothing is followed before
 * the kernel has said that it can be read. */
static void meet_code(place *at, pn_functions *functions)
{
    PyCodeObject *code = (PyCodeObject *)at->address;
    at->number = NONE;
    at->kind = PN_CODE_UNRESOLVED;
    if (!pn_is_readable_sig(code, sizeof(*code)) || Py_TYPE(code) != &PyCode_Type ||
        Py_REFCNT(code) <= 0)
        return;
    if (is_init_shim(code)) {
        at->kind = PN_CODE_INTERPRETER;
        at->number = 0;
        return;
    }
    at->number = add_function(functions, function_of(code));
    at->kind = PN_CODE_FUNCTION;
}

static enum pn_code_kind resolve_tombstone(tombstone *stone, pn_functions *functions,
                                           uint32_t *number)
{
    if (stone->number == NONE)
        stone->number = add_function(functions, own(stone->function));
    *number = stone->number;
    return PN_CODE_FUNCTION;
}

enum pn_code_kind pn_codes_resolve_gil(uintptr_t address, uint32_t unit, uint64_t position,
                                       pn_functions *functions, uint32_t *number)
{
    enum pn_code_kind kind;
    place *at = place_of(address);
    if (position < codes.blind_until || at == NULL)
        return PN_CODE_UNRESOLVED;
    uint64_t stone = at->oldest;
    while (stone != NO_STONE && stone_at(stone)->position <= position)
        stone = stone_at(stone)->younger;
    if (stone != NO_STONE) {
        kind = resolve_tombstone(stone_at(stone), functions, number);
    } else {
        if (at->number == NONE)
            meet_code(at, functions);
        kind = (enum pn_code_kind)at->kind;
        *number = at->number;
    }
    if (kind == PN_CODE_FUNCTION && (*number == NONE || unit > functions->items[*number].units))
        return PN_CODE_UNRESOLVED;
    return kind;
}

void pn_codes_bury_gil(uint64_t ring_tail)
{
    while (codes.first_stone < codes.next_stone &&
           stone_at(codes.first_stone)->position <= ring_tail) {
        tombstone stone = *stone_at(codes.first_stone++);
        place *at = find_place(stone.address);
        at->oldest = stone.younger;
        if (at->oldest == NO_STONE)
            at->youngest = NO_STONE;
        pn_function_release_gil(&stone.function);
    }
}

void pn_codes_forget_gil(void)
{
    codes.place_count = 0;
    if (codes.place_capacity > 0)
        memset(codes.places, 0, codes.place_capacity * sizeof(*codes.places));
    for (uint64_t i = codes.first_stone; i < codes.next_stone; i++) {
        tombstone *stone = stone_at(i);
        stone->number = NONE;
        stone->younger = NO_STONE;
        link_stone(place_of(stone->address), i); /* no more than there were: it has room */
    }
}

void pn_codes_reset_gil(void)
{
    pn_codes_bury_gil(UINT64_MAX);
    codes.blind_until = 0;
    pn_codes_forget_gil();
}

uint32_t pn_codes_tombstones(void)
{
    return (uint32_t)(codes.next_stone - codes.first_stone);
}
