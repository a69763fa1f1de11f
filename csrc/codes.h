/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Code objects: who they are, and when they die.
 *
 * A record holds addresses of code objects, which may be freed, and reused by
 * others, before the drain reads it. Names must be right all the same.
 *
 * While a stack is being taken every code object in it is alive: frames own
 * references, and the thread stands still. So when a code object dies, all
 * records that mean it were claimed before, and none that means its successor
 * at the address is. The death hook therefore leaves a tombstone: the address,
 * how far the ring was claimed, and what is needed to name the function. A
 * record at a position means the oldest tombstone of the address that was set
 * at a later position; where there is none, the object that lives there now.
 * A tombstone is of no use once the ring has been read up to it.
 *
 * Everything here runs under the GIL, which also orders it: a thread that dies
 * holding the last reference, or hands it over, has finished its handler. So the head
 * that is read at a death is not older than the claim of any record that means it.
 *
 * Why not keep the code objects alive: taking a reference in a signal handler
 * is not atomic, and delaying a free changes the program (weak references,
 * memory).
 */
#ifndef PN_CODES_H
#define PN_CODES_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "lines.h"

/* What a function is called and where its lines are; owns its references. */
typedef struct {
    PyObject *qualname;
    PyObject *filename;
    PyObject *line_table;
    int32_t first_line;
    uint32_t units;
    pn_line_run *runs; /* decoded on first use, or NULL */
    size_t run_count;
} pn_function;

void pn_function_release_gil(pn_function *function);

/* The line of an instruction: code unit + 1, or 0 for "not begun". 0 where the
 * instruction has no line. */
int32_t pn_function_line_gil(pn_function *function, uint32_t unit);

/* Ask to be told of dying code objects, once for the life of the process.
 * Returns 0, or -1 with a Python exception set. */
int pn_codes_install_gil(void);

/* Begin and end keeping tombstones. */
void pn_codes_track_gil(bool on);

/* What an address in a record is. */
enum pn_code_kind { PN_CODE_FUNCTION, PN_CODE_INTERPRETER, PN_CODE_UNRESOLVED };

/* Numbers stand for functions until the next pn_codes_forget_gil; `functions`
 * grows as new ones are met. */
typedef struct {
    pn_function *items;
    uint32_t count, capacity;
} pn_functions;

/* Which function the address in a record at `position` means. */
enum pn_code_kind pn_codes_resolve_gil(uintptr_t address, uint32_t unit, uint64_t position,
                                       pn_functions *functions, uint32_t *number);

/* Drop the tombstones that nothing before `ring_tail` needs. */
void pn_codes_bury_gil(uint64_t ring_tail);

/* Forget all numbers: another array of functions comes next. */
void pn_codes_forget_gil(void);

/* After a fork: drop every tombstone. */
void pn_codes_reset_gil(void);

/* Tombstones held now. */
uint32_t pn_codes_tombstones(void);

#endif
