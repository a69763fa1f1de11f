/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* The ring, with room for 16 words, under the model checker. */
#include "ring.c"

#include "weak_memory.h"

enum { RECORDS = 12, STACK_MAX = 12 };

/* What became of each record, by the number that it carries. */
static struct {
    bool pushed[RECORDS];
    bool refused[RECORDS];
    bool popped[RECORDS];
    uint64_t position; /* of the next record to be popped */
} seen;

static uint64_t word_of(uint32_t number, uint32_t i)
{
    return (uint64_t)(number + 1) << 32 | (i + 1);
}

/* Numbers stand for depths, too: 4, 5 and 6 words in turn. */
static uint32_t depth_of(uint32_t number)
{
    return number % 3;
}

static enum pn_push push(uint32_t number)
{
    uint64_t stack[STACK_MAX];
    pn_record record = {
        .kind = PN_KIND_TRUNCATED,
        .depth = depth_of(number),
        .weight_ns = word_of(number, 100),
        .thread = number,
        .of_context = word_of(number, 101),
        .of_thread = word_of(number, 102),
    };
    for (uint32_t i = 0; i < record.depth; i++)
        stack[i] = word_of(number, i);
    enum pn_push done = pn_ring_push_sig(&record, stack);
    seen.pushed[number] = done == PN_PUSHED || done == PN_PUSHED_WAKE;
    seen.refused[number] = !seen.pushed[number];
    return done;
}

/* Pop a record and hold it against what was pushed under its number. */
static bool pop(void)
{
    uint64_t stack[MODEL_COPY_BYTES / sizeof(uint64_t)];
    pn_record record;
    if (!pn_ring_pop(&record, stack))
        return false;
    uint32_t number = record.thread;
    MODEL_CHECK(number < RECORDS);
    MODEL_CHECK(record.kind == PN_KIND_TRUNCATED);
    MODEL_CHECK(record.depth == depth_of(number));
    MODEL_CHECK(record.weight_ns == word_of(number, 100));
    MODEL_CHECK(record.of_context == word_of(number, 101));
    MODEL_CHECK(record.of_thread == word_of(number, 102));
    for (uint32_t i = 0; i < record.depth; i++)
        MODEL_CHECK(stack[i] == word_of(number, i));
    MODEL_CHECK(record.position == seen.position);
    seen.position += PN_RECORD_HEADER_WORDS + record.depth;
    MODEL_CHECK(!seen.popped[number]);
    seen.popped[number] = true;
    /* A writer's records come in its order: those numbered below it are its own. */
    for (uint32_t later = number + 1; later % 4 != 0; later++)
        MODEL_CHECK(!seen.popped[later]);
    return true;
}

static void pop_the_rest(void)
{
    while (pop())
        continue;
    for (int i = 0; i < RECORDS; i++)
        MODEL_CHECK(seen.popped[i] == seen.pushed[i]);
    MODEL_CHECK(pn_ring_head() == seen.position && pn_ring_tail() == seen.position);
    for (uint64_t i = 0; i < PN_RING_WORDS; i++)
        MODEL_CHECK(ring.words[i] == 0);
}

/* Each writer has four numbers. */
static void write_two(void)
{
    uint32_t first = 4 * (model_self() - 1);
    push(first);
    push(first + 1);
}

static void write_one_that_fits(void)
{
    MODEL_CHECK(push(4 * (model_self() - 1) + 2) != PN_PUSH_FULL);
}

static void read_two(void)
{
    pop();
    pop();
}

static void read_three(void)
{
    for (int i = 0; i < 3; i++)
        pop();
}

static void read_five(void)
{
    for (int i = 0; i < 5; i++)
        pop();
}

/* 10 of the 16 words have been used: the second record from here on wraps. */
static void near_the_end(void)
{
    push(8);
    push(9);
    pop();
    pop();
    MODEL_CHECK(pn_ring_head() == 10);
}

/* 15 words are in use. */
static void full(void)
{
    push(8);
    push(9);
    push(10);
    MODEL_CHECK(push(11) == PN_PUSH_FULL);
    MODEL_CHECK(seen.refused[11]);
}

/* Of 4 words: two and the 9 that are left when one is read are one too many. */
static void write_when_full(void)
{
    for (int tries = 0; tries < 2; tries++) {
        enum pn_push done = push(6 * (model_self() - 1));
        if (done == PN_PUSHED || done == PN_PUSHED_WAKE)
            break;
    }
}

static const model_scenario scenarios[] = {
    {"a writer and the reader", NULL, {write_two, read_three}, pop_the_rest, 4, 0},
    {"round the end", near_the_end, {write_two, read_three}, pop_the_rest, 4, 0},
    {"a full ring", full, {write_when_full, read_three}, pop_the_rest, 4, 0},
    {"two writers",
     near_the_end,
     {write_one_that_fits, write_one_that_fits, read_three},
     pop_the_rest,
     2,
     0},
    {"two writers to a full ring",
     full,
     {write_when_full, write_when_full, read_two},
     pop_the_rest,
     2,
     0},
    {"two writers that go on", full, {write_two, write_two, read_five}, pop_the_rest, -1, 10000},
};

int main(void)
{
    MODEL_CHECK(pn_ring_open() == 0);
    model_keep(&ring, sizeof(ring), "ring");
    model_keep(ring.words, PN_RING_WORDS * sizeof(uint64_t), "words");
    model_keep(&seen, sizeof(seen), "seen");
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
        model_explore(&scenarios[i]);
    return 0;
}
