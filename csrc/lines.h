/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* Line tables: from an instruction to its line.
 *
 * Pure functions of bytes: no Python object, no allocation, no global. The
 * three formats are CPython's: Objects/lnotab_notes.txt of 3.9 and of 3.10,
 * and Objects/locations.md of 3.11 and later.
 */
#ifndef PN_LINES_H
#define PN_LINES_H

#include <stddef.h>
#include <stdint.h>

enum pn_line_format {
    PN_LINES_LNOTAB, /* 3.9: pairs of byte and line increments */
    PN_LINES_PEP626, /* 3.10: as lnotab, with ranges that have no line */
    PN_LINES_PEP657, /* 3.11 and later: variable-length entries with columns */
};

/* A run of code units that share a line. */
typedef struct {
    uint32_t end_unit; /* first unit past the run */
    int32_t line;      /* 0: no line */
} pn_line_run;

/* Decode `table` into at most `limit` runs that cover units from 0 upwards in
 * order. Returns how many runs there are: where that is more than `limit`,
 * only the first `limit` were stored. Bytes that make no sense end the
 * decoding; what came before them is kept. */
size_t pn_lines_decode(enum pn_line_format format, const uint8_t *table, size_t table_bytes,
                       int32_t first_line, uint32_t units, pn_line_run *runs, size_t limit);

/* The line of `unit`, 0 where it has none. */
int32_t pn_lines_find(const pn_line_run *runs, size_t count, uint32_t unit);

#endif
