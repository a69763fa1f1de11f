/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "check.h"
#include "readable.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096 };

/* Three pages, of which the one in the middle is left as it was mapped. */
static char *map_pages(void)
{
    char *pages =
        mmap(NULL, 3 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    return pages;
}

static void mapped_memory_is_readable(void)
{
    static const int constant = 1;
    int local = 1;
    char *pages = map_pages();
    CHECK(pn_is_readable_sig(&constant, sizeof(constant)));
    CHECK(pn_is_readable_sig(&local, sizeof(local)));
    CHECK(pn_is_readable_sig((const void *)(uintptr_t)mapped_memory_is_readable, 1));
    for (size_t offset = 0; offset < PAGE_BYTES; offset += 17)
        for (size_t bytes = 1; bytes <= PAGE_BYTES; bytes += 101)
            CHECK(pn_is_readable_sig(pages + PAGE_BYTES + offset, bytes));
    mprotect(pages, PAGE_BYTES, PROT_READ);
    CHECK(pn_is_readable_sig(pages, PAGE_BYTES));
}

/* Around `page`, which cannot be read, its neighbours can. */
static void check_unreadable(char *page)
{
    CHECK(pn_is_readable_sig(page - 1, 1));
    CHECK(pn_is_readable_sig(page - PAGE_BYTES, PAGE_BYTES));
    CHECK(pn_is_readable_sig(page + PAGE_BYTES, PAGE_BYTES));
    for (size_t offset = 0; offset < PAGE_BYTES; offset++)
        CHECK(!pn_is_readable_sig(page + offset, 1));
    for (size_t bytes = 2; bytes <= PAGE_BYTES; bytes++) {
        CHECK(!pn_is_readable_sig(page - 1, bytes));
        CHECK(!pn_is_readable_sig(page + PAGE_BYTES - 1, bytes));
    }
    CHECK(!pn_is_readable_sig(page + 1 - PAGE_BYTES, PAGE_BYTES));
}

static void unmapped_memory_is_not(void)
{
    char *pages = map_pages();
    munmap(pages + PAGE_BYTES, PAGE_BYTES);
    check_unreadable(pages + PAGE_BYTES);
}

static void protected_memory_is_not(void)
{
    char *pages = map_pages();
    mprotect(pages + PAGE_BYTES, PAGE_BYTES, PROT_NONE);
    check_unreadable(pages + PAGE_BYTES);
}

static void small_numbers_are_not(void)
{
    for (uintptr_t number = 0; number < PAGE_BYTES; number++)
        CHECK(!pn_is_readable_sig((const void *)number, 1));
}

static void impossible_addresses_are_not(void)
{
    /* Where no machine has memory, the kernel's half, past the last address. */
    static const uintptr_t garbage[] = {
        (uintptr_t)1 << 55, (uintptr_t)1 << 63, UINTPTR_MAX - 4095, UINTPTR_MAX - 7, UINTPTR_MAX,
    };
    for (size_t i = 0; i < COUNT_OF(garbage); i++) {
        CHECK(!pn_is_readable_sig((const void *)garbage[i], 1));
        CHECK(!pn_is_readable_sig((const void *)garbage[i], PAGE_BYTES));
    }
    /* Of this range both ends are mapped. */
    CHECK(!pn_is_readable_sig(map_pages() + PAGE_BYTES, SIZE_MAX));
}

static void asking_changes_no_signal_mask(void)
{
    sigset_t all, before, after;
    sigfillset(&all);
    sigemptyset(&before);
    sigaddset(&before, SIGUSR1);
    sigprocmask(SIG_SETMASK, &before, NULL);
    CHECK(pn_is_readable_sig(&all, sizeof(all)));
    sigprocmask(SIG_SETMASK, NULL, &after);
    for (int signo = 1; signo < SIGRTMIN; signo++)
        CHECK_EQUAL(sigismember(&after, signo), signo == SIGUSR1);
}

static const check_test tests[] = {
    TEST(mapped_memory_is_readable),    TEST(unmapped_memory_is_not),
    TEST(protected_memory_is_not),      TEST(small_numbers_are_not),
    TEST(impossible_addresses_are_not), TEST(asking_changes_no_signal_mask),
};

CHECK_MAIN(tests)
