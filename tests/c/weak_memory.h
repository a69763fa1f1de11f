/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* A model checker for C11's memory model: runs code of the core as up to three
 * threads of a machine that is as weak as C11 allows, in every order.
 *
 * The code is compiled with -fsanitize=thread, and weak_memory.c stands in for
 * that sanitizer's library: each access to memory becomes a call. Threads are
 * coroutines, and can be switched before each atomic access. What is chosen, who
 * goes on and which store a load returns, is a sequence of numbers; executions
 * begin anew with the next sequence until all have been tried.
 *
 * - A load returns any store that coherence and happens-before let it return, not
 *   only the last. Release and acquire, in accesses and fences, carry a view over:
 *   how far each location has been seen. A weak compare-and-swap may fail once for
 *   no reason. membarrier(2) is a sequentially consistent fence in all threads.
 * - Accesses that aren't atomic must be ordered with all others by happens-before,
 *   whatever the values: else it is a data race.
 *
 * It is weaker than C11 in one respect, so what passes does not rely on it:
 * seq_cst accesses (not fences) are release and acquire. It is stronger in two: a
 * store comes last in its location's order, which matters where two threads store
 * to one without order; and no load returns a store that is yet to be made, as
 * on aarch64 one may that has no order with a store after it (RC11's rule).
 */
#ifndef WEAK_MEMORY_H
#define WEAK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_THREADS = 3 };

typedef struct {
    const char *name;
    void (*before)(void); /* comes before the threads, and is seen by them; may be NULL */
    void (*threads[MODEL_THREADS])(void);
    void (*after)(void); /* sees all that the threads have done */
    /* How often a thread that could go on is stopped: -1 for no limit. */
    int preemptions;
    /* Not 0: so many executions at random instead of all. */
    uint32_t random;
} model_scenario;

/* Memory that each execution finds as it is now, and what to call it. */
void model_keep(void *memory, size_t bytes, const char *name);

/* Run a scenario's executions. The process ends at the first that fails. */
void model_explore(const model_scenario *scenario);

#define MODEL_CHECK(condition) ((condition) ? (void)0 : model_fail(#condition))
_Noreturn void model_fail(const char *what);

/* What memcpy, memset and the waiting calls are replaced by. A copy of more bytes than
 * this is an error. */
enum { MODEL_COPY_BYTES = 1024 };
void *model_memcpy(void *to, const void *from, size_t bytes);
void *model_memset(void *to, int byte, size_t bytes);
void model_membarrier(void);
/* Let others go on; when there are none, see all that they have done. */
void model_wait(void);
/* The running thread: 0 before and after, else 1 + its place in the scenario. */
uint32_t model_self(void);

#endif
