/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* What the C tests share: checks, a list of tests to run, a random source. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define CHECK_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_UNDER_TSAN 1
#endif
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK(condition) ((condition) ? (void)0 : check_fail(__FILE__, __LINE__, #condition))

/* Compare two integers. */
#define CHECK_EQUAL(actual, expected)                                                              \
    check_equal(__FILE__, __LINE__, #actual, (uint64_t)(actual), (uint64_t)(expected))

static inline _Noreturn void check_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    _Exit(1);
}

static inline void check_equal(const char *file, int line, const char *what, uint64_t actual,
                               uint64_t expected)
{
    if (actual == expected)
        return;
    fprintf(stderr, "%s:%d: %s is %" PRIu64 ", not %" PRIu64 "\n", file, line, what, actual,
            expected);
    _Exit(1);
}

typedef struct {
    const char *name;
    void (*run)(void);
} check_test;

#define TEST(function) {#function, function}

/* A test that waits in vain is ended. */
enum { CHECK_LIMIT_S = 60 };

/* Run each test in a process of its own: the units keep state for the life of
 * a process, and a crash must not hide the tests that follow. */
static inline int check_run(const check_test *tests, size_t count)
{
    int failed = 0;
    for (size_t i = 0; i < count; i++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(CHECK_LIMIT_S);
            tests[i].run();
            exit(0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        if (status == 0) {
            printf("ok %s\n", tests[i].name);
            continue;
        }
        failed = 1;
        if (WIFSIGNALED(status))
            printf("FAILED %s: signal %d\n", tests[i].name, WTERMSIG(status));
        else
            printf("FAILED %s: exit status %d\n", tests[i].name, WEXITSTATUS(status));
    }
    return failed;
}

#define CHECK_MAIN(tests)                                                                          \
    int main(void)                                                                                 \
    {                                                                                              \
        return check_run(tests, COUNT_OF(tests));                                                  \
    }

/* splitmix64, Steele, Lea and Flood 2014: a number well mixed, */
static inline uint64_t mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* and a series of them, the same in every run. */
static inline uint64_t random_below(uint64_t *state, uint64_t limit)
{
    return mix((*state)++) % limit;
}

#endif
