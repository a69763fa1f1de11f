/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "c_stack.h"
#include "check.h"
#include "readable.h"

#include <pthread.h>

/* All that lies from here to the end of this stack can be read, and `outer`, a variable of
 * the thread's first function, is there. */
static __attribute__((noinline)) void check_end(const void *outer)
{
    enum { PAGE_BYTES = 4096 };
    char here = 0;
    uintptr_t low = (uintptr_t)&here;
    uintptr_t end = pn_c_stack_end_sig(low);
    CHECK(low < (uintptr_t)outer && (uintptr_t)outer < end);
    for (uintptr_t address = low; address < end; address += PAGE_BYTES)
        CHECK(pn_is_readable_sig((const void *)address, 1));
}

static void *in_thread(void *unused)
{
    char outer = 0;
    check_end(&outer);
    return unused;
}

static void of_the_main_thread(void)
{
    char outer = 0;
    pn_c_stack_init();
    check_end(&outer);
}

static void of_another(void)
{
    pthread_t thread;
    pn_c_stack_init();
    CHECK_EQUAL(pthread_create(&thread, NULL, in_thread, NULL), 0);
    pthread_join(thread, NULL);
}

static void *fork_in_thread(void *unused)
{
    char outer = 0;
    pid_t child = fork();
    if (child == 0) {
        check_end(&outer);
        _Exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    CHECK_EQUAL(status, 0);
    return unused;
}

static void of_a_child_that_another_forked(void)
{
    pthread_t thread;
    pn_c_stack_init();
    CHECK_EQUAL(pthread_create(&thread, NULL, fork_in_thread, NULL), 0);
    pthread_join(thread, NULL);
}

static const check_test tests[] = {
    TEST(of_the_main_thread),
    TEST(of_another),
    TEST(of_a_child_that_another_forked),
};

CHECK_MAIN(tests)
