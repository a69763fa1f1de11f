/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "lines.h"

#include <string.h>

/* A table in memory of its own, so that reading past its end is seen. */
typedef struct {
    enum pn_line_format format;
    uint8_t *bytes;
    size_t count;
    int32_t first_line;
    uint32_t units;
} table;

static table table_of(enum pn_line_format format, const uint8_t *bytes, size_t count,
                      int32_t first_line, uint32_t units)
{
    table made = {format, malloc(count), count, first_line, units};
    if (count > 0)
        memcpy(made.bytes, bytes, count);
    return made;
}

typedef struct {
    pn_line_run *items;
    size_t count;
} run_list;

static size_t decode(const table *from, pn_line_run *runs, size_t limit)
{
    return pn_lines_decode(from->format, from->bytes, from->count, from->first_line, from->units,
                           runs, limit);
}

/* Decode, and check what holds for every table. */
static run_list runs_of(const table *from)
{
    run_list runs = {.count = decode(from, NULL, 0)};
    runs.items = malloc(runs.count * sizeof(*runs.items));
    CHECK_EQUAL(decode(from, runs.items, runs.count), runs.count);
    uint32_t start = 0;
    for (size_t i = 0; i < runs.count; i++) {
        CHECK(runs.items[i].end_unit > start);
        CHECK(runs.items[i].line >= 0);
        CHECK(i == 0 || runs.items[i].line != runs.items[i - 1].line);
        start = runs.items[i].end_unit;
    }
    CHECK(start <= from->units);
    return runs;
}

static uint32_t end_of(run_list runs)
{
    return runs.count > 0 ? runs.items[runs.count - 1].end_unit : 0;
}

/* ---- tables with what they mean ---- */

enum { LARGEST_EXAMPLE = 40 };

static const struct example {
    enum pn_line_format format;
    int32_t first_line;
    uint32_t units;
    size_t table_bytes, run_count;
    uint8_t table[LARGEST_EXAMPLE];
    pn_line_run runs[LARGEST_EXAMPLE / 2];
} examples[] = {
    /* No table. */
    {PN_LINES_LNOTAB, 7, 3, 0, 1, {0}, {{3, 7}}},
    {PN_LINES_PEP626, 7, 3, 0, 0, {0}, {{0, 0}}},
    {PN_LINES_PEP657, 7, 3, 0, 0, {0}, {{0, 0}}},
    /* Byte step, line step: 2 units, a unit, back a line, far ahead, and on. */
    {PN_LINES_LNOTAB,
     10,
     8,
     10,
     5,
     {4, 1, 2, 0xff, 0, 127, 6, 5, 2, 0x80},
     {{2, 10}, {3, 11}, {6, 137}, {7, 142}, {8, 14}}},
    /* 300 bytes in two steps, the first of which ends inside a unit. */
    {PN_LINES_LNOTAB, 5, 160, 4, 2, {255, 0, 45, 1}, {{150, 5}, {160, 6}}},
    /* Before the first line there is none. */
    {PN_LINES_LNOTAB, 2, 3, 4, 3, {2, 0xfe, 2, 1}, {{1, 2}, {2, 0}, {3, 1}}},
    /* The step comes before the range; steps too large for a byte are split. */
    {PN_LINES_PEP626,
     1,
     139,
     16,
     6,
     {2, 0, 4, 1, 6, 0x80, 0, 127, 4, 73, 254, 0x81, 0, 0, 8, 0xff},
     {{1, 1}, {3, 2}, {6, 0}, {8, 202}, {135, 75}, {139, 74}}},
    /* Neighbours of one line are one run. */
    {PN_LINES_PEP626, 3, 5, 8, 2, {2, 0, 4, 0, 2, 1, 2, 0}, {{3, 3}, {5, 4}}},
    /* Each kind of entry: long, short, with no line, one line (0, 1, 2), no
     * columns (-70, in two bytes), none, and on from the line before. */
    {PN_LINES_PEP657,
     100,
     22,
     22,
     6,
     {0xf0,
      6,
      1,
      5,
      9,
      0x80 | 3 << 3 | 7,
      0x21,
      0x80 | 10 << 3,
      1,
      2,
      0x80 | 11 << 3 | 1,
      4,
      9,
      0x80 | 12 << 3 | 1,
      4,
      9,
      0x80 | 13 << 3,
      0x4d,
      2,
      0x80 | 15 << 3 | 3,
      0x80 | 9 << 3 | 2,
      0x7f},
     {{10, 103}, {12, 104}, {14, 106}, {15, 36}, {19, 0}, {22, 36}}},
    /* The largest step that 32 bits hold, and back: lines outside are none. */
    {PN_LINES_PEP657,
     0x7fffffff,
     3,
     17,
     3,
     {0xe8, 2, 0xe8, 3, 0x80 | 14 << 3, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 3, 0, 0, 0, 0x80 | 15 << 3,
      0xe8, 0},
     {{1, 0}, {2, 0x7fffffff}, {3, 0}}},
    /* Instructions that the code does not have. */
    {PN_LINES_PEP626, 9, 2, 4, 1, {200, 0, 20, 1}, {{2, 9}}},
    {PN_LINES_PEP657, 9, 2, 4, 1, {0x87, 0, 0x87, 0}, {{2, 9}}},
    /* Garbage ends the decoding and leaves what came before: half a pair, */
    {PN_LINES_PEP626, 9, 9, 3, 1, {4, 1, 4}, {{2, 10}}},
    {PN_LINES_LNOTAB, 9, 9, 3, 2, {4, 1, 4}, {{2, 9}, {9, 10}}},
    /* no entry at all, */
    {PN_LINES_PEP657, 9, 9, 3, 0, {0x7f, 0x80, 0}, {{0, 0}}},
    /* a number that does not end, */
    {PN_LINES_PEP657, 9, 9, 4, 1, {0x81, 0, 0xe8, 0x41}, {{2, 9}}},
    /* and one that is too long. */
    {PN_LINES_PEP657,
     9,
     9,
     12,
     1,
     {0x81, 0, 0xe8, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x80, 0},
     {{2, 9}}},
};

static table table_of_example(const struct example *from)
{
    return table_of(from->format, from->table, from->table_bytes, from->first_line, from->units);
}

static void examples_decode_as_expected(void)
{
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        table from = table_of_example(&examples[i]);
        run_list runs = runs_of(&from);
        CHECK_EQUAL(runs.count, examples[i].run_count);
        for (size_t j = 0; j < runs.count; j++) {
            CHECK_EQUAL(runs.items[j].end_unit, examples[i].runs[j].end_unit);
            CHECK_EQUAL(runs.items[j].line, examples[i].runs[j].line);
        }
        free(runs.items);
        free(from.bytes);
    }
}

static void limit_cuts_the_list_only(void)
{
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        table from = table_of_example(&examples[i]);
        run_list all = runs_of(&from);
        for (size_t limit = 0; limit < all.count; limit++) {
            pn_line_run *some = malloc(limit * sizeof(*some));
            CHECK_EQUAL(decode(&from, some, limit), all.count);
            for (size_t j = 0; j < limit; j++) {
                CHECK_EQUAL(some[j].end_unit, all.items[j].end_unit);
                CHECK_EQUAL(some[j].line, all.items[j].line);
            }
            free(some);
        }
        free(all.items);
        free(from.bytes);
    }
}

/* ---- bytes with no meaning ---- */

static void truncated_tables_keep_their_lines(void)
{
    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        table whole = table_of_example(&examples[i]);
        run_list expected = runs_of(&whole);
        for (size_t bytes = 0; bytes < whole.count; bytes++) {
            table part = whole;
            part.bytes = malloc(bytes);
            memcpy(part.bytes, whole.bytes, bytes);
            part.count = bytes;
            run_list runs = runs_of(&part);
            /* A table of 3.9 means all units, however short it is. */
            uint32_t end = part.format == PN_LINES_LNOTAB ? 0 : end_of(runs);
            for (uint32_t unit = 0; unit < end; unit++)
                CHECK_EQUAL(pn_lines_find(runs.items, runs.count, unit),
                            pn_lines_find(expected.items, expected.count, unit));
            free(runs.items);
            free(part.bytes);
        }
        free(expected.items);
        free(whole.bytes);
    }
}

static void random_bytes_stay_in_bounds(void)
{
    static const int32_t first_lines[] = {0, 1, 1000, INT32_MAX, INT32_MIN};
    uint64_t random = 1;
    for (int i = 0; i < 30000; i++) {
        uint8_t bytes[LARGEST_EXAMPLE];
        size_t count = random_below(&random, sizeof(bytes) + 1);
        bool many_first_bytes = random_below(&random, 2);
        for (size_t j = 0; j < count; j++)
            bytes[j] = (uint8_t)random_below(&random, 256) |
                       (many_first_bytes && random_below(&random, 3) == 0 ? 0x80 : 0);
        table from = table_of((enum pn_line_format)(i % 3), bytes, count,
                              first_lines[random_below(&random, COUNT_OF(first_lines))],
                              (uint32_t)random_below(&random, 200));
        run_list runs = runs_of(&from);
        if (from.format == PN_LINES_LNOTAB)
            CHECK_EQUAL(end_of(runs), from.units);
        free(runs.items);
        free(from.bytes);
    }
}

/* ---- find ---- */

static void find_knows_the_edges(void)
{
    static const pn_line_run runs[] = {{1, 10}, {4, 0}, {5, 12}, {9, 11}};
    static const int32_t lines[] = {10, 0, 0, 0, 12, 11, 11, 11, 11, 0, 0};
    for (uint32_t unit = 0; unit < COUNT_OF(lines); unit++)
        CHECK_EQUAL(pn_lines_find(runs, COUNT_OF(runs), unit), lines[unit]);
    CHECK_EQUAL(pn_lines_find(runs, COUNT_OF(runs), UINT32_MAX), 0);
    CHECK_EQUAL(pn_lines_find(runs, 1, 0), 10);
    CHECK_EQUAL(pn_lines_find(runs, 1, 1), 0);
    CHECK_EQUAL(pn_lines_find(NULL, 0, 0), 0);
}

static const check_test tests[] = {
    TEST(examples_decode_as_expected),
    TEST(limit_cuts_the_list_only),
    TEST(truncated_tables_keep_their_lines),
    TEST(random_bytes_stay_in_bounds),
    TEST(find_knows_the_edges),
};

CHECK_MAIN(tests)
