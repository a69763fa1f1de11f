/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lines.h"

#include <stdbool.h>

/* Where the runs go, and how many there would be. */
struct sink {
    pn_line_run *runs;
    size_t limit;
    size_t count;
    uint32_t units;    /* of the code: no run ends later */
    uint32_t end_unit; /* of the last run */
    int32_t line;      /* of the last run */
};

static void add_run(struct sink *sink, int64_t end_unit, int64_t line)
{
    if (end_unit > sink->units)
        end_unit = sink->units;
    if (end_unit <= sink->end_unit)
        return;
    int32_t kept_line = line > 0 && line <= INT32_MAX ? (int32_t)line : 0;
    if (sink->count > 0 && sink->line == kept_line)
        sink->count--; /* lengthen the last run */
    if (sink->count < sink->limit)
        sink->runs[sink->count] = (pn_line_run){(uint32_t)end_unit, kept_line};
    sink->count++;
    sink->end_unit = (uint32_t)end_unit;
    sink->line = kept_line;
}

static void decode_lnotab(struct sink *sink, const uint8_t *table, size_t bytes, int64_t line)
{
    int64_t start = 0;
    for (size_t at = 0; at + 1 < bytes; at += 2) {
        if (table[at] > 0) {
            start += table[at];
            add_run(sink, start / 2, line);
        }
        line += (int8_t)table[at + 1];
    }
    add_run(sink, sink->units, line);
}

static void decode_pep626(struct sink *sink, const uint8_t *table, size_t bytes, int64_t line)
{
    enum { NO_LINE = -128 };
    int64_t end = 0;
    for (size_t at = 0; at + 1 < bytes; at += 2) {
        int8_t step = (int8_t)table[at + 1];
        end += table[at];
        if (step != NO_LINE)
            line += step;
        add_run(sink, end / 2, step == NO_LINE ? 0 : line);
    }
}

/* A signed varint: six bits a byte, least first, 64 says that more follow;
 * the lowest bit of the whole is the sign. */
static bool read_signed_varint(const uint8_t *table, size_t bytes, size_t *at, int64_t *value)
{
    uint64_t raw = 0;
    for (unsigned shift = 0; shift < 36; shift += 6) {
        if (*at >= bytes)
            return false;
        uint8_t byte = table[(*at)++];
        raw |= (uint64_t)(byte & 63) << shift;
        if (!(byte & 64)) {
            *value = raw & 1 ? -(int64_t)(raw >> 1) : (int64_t)(raw >> 1);
            return true;
        }
    }
    return false;
}

static void decode_pep657(struct sink *sink, const uint8_t *table, size_t bytes, int64_t line)
{
    enum { FIRST_BYTE = 128, ONE_LINE_0 = 10, NO_COLUMNS = 13, LONG = 14, NO_LOCATION = 15 };
    int64_t end = 0;
    size_t at = 0;
    while (at < bytes) {
        uint8_t first = table[at++];
        if (!(first & FIRST_BYTE))
            return;
        int kind = (first >> 3) & 15;
        int64_t step = 0;
        if (kind == NO_COLUMNS || kind == LONG) {
            if (!read_signed_varint(table, bytes, &at, &step))
                return;
        } else if (kind >= ONE_LINE_0 && kind < NO_COLUMNS) {
            step = kind - ONE_LINE_0;
        }
        line += step;
        end += (first & 7) + 1;
        add_run(sink, end, kind == NO_LOCATION ? 0 : line);
        while (at < bytes && !(table[at] & FIRST_BYTE))
            at++; /* end line and columns */
    }
}

size_t pn_lines_decode(enum pn_line_format format, const uint8_t *table, size_t table_bytes,
                       int32_t first_line, uint32_t units, pn_line_run *runs, size_t limit)
{
    struct sink sink = {.runs = runs, .limit = limit, .units = units};
    switch (format) {
    case PN_LINES_LNOTAB:
        decode_lnotab(&sink, table, table_bytes, first_line);
        break;
    case PN_LINES_PEP626:
        decode_pep626(&sink, table, table_bytes, first_line);
        break;
    case PN_LINES_PEP657:
        decode_pep657(&sink, table, table_bytes, first_line);
        break;
    }
    return sink.count;
}

int32_t pn_lines_find(const pn_line_run *runs, size_t count, uint32_t unit)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].end_unit <= unit)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count ? runs[low].line : 0;
}
