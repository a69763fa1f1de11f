/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* System calls that wait, and are not restarted after a signal, in loops that
 * count how often one was interrupted. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum kind {
    POLL,
    SELECT,
    EPOLL,
    NANOSLEEP,
    CLOCK_NANOSLEEP,
    RECV,
    CONNECT,
    SEM,
    FUTEX,
    KINDS,
};

enum { SHORT_NS = 200000, MS = 1000000, LOOPS_MAX = 64 };

typedef struct {
    int pipe[2], epoll, pair[2], full; /* `full` takes no more connections */
    struct sockaddr_in full_address;
    sem_t semaphore;
    uint32_t word;
} places;

static int fill(places *place)
{
    place->full = socket(AF_INET, SOCK_STREAM, 0);
    place->full_address = (struct sockaddr_in){.sin_family = AF_INET};
    place->full_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr *address = (struct sockaddr *)&place->full_address;
    socklen_t length = sizeof(place->full_address);
    if (bind(place->full, address, length) != 0 || listen(place->full, 0) != 0 ||
        getsockname(place->full, address, &length) != 0)
        return -1;
    for (int i = 0; i < 4; i++) { /* kept until the process ends */
        int waiting = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(waiting, address, length);
    }
    return 0;
}

static int prepare(places *place)
{
    memset(place, 0, sizeof(*place));
    struct timeval timeout = {.tv_usec = 1000};
    if (pipe(place->pipe) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, place->pair) != 0 ||
        setsockopt(place->pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0)
        return -1;
    place->epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(place->epoll, EPOLL_CTL_ADD, place->pipe[0], &event) != 0)
        return -1;
    return sem_init(&place->semaphore, 0, 0) != 0 ? -1 : fill(place);
}

static int connect_briefly(const places *place)
{
    int client = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval timeout = {.tv_usec = 1000};
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    int result =
        connect(client, (const struct sockaddr *)&place->full_address, sizeof(place->full_address));
    int error = errno;
    close(client);
    errno = error;
    return result;
}

static int wait_once(enum kind kind, places *place)
{
    struct timespec soon = {.tv_nsec = SHORT_NS}, until;
    struct pollfd poll_for = {.fd = place->pipe[0], .events = POLLIN};
    struct epoll_event event;
    fd_set set;
    char byte;
    switch (kind) {
    case POLL:
        return poll(&poll_for, 1, 1);
    case SELECT:
        FD_ZERO(&set);
        FD_SET(place->pipe[0], &set);
        return select(place->pipe[0] + 1, &set, NULL, NULL, &(struct timeval){.tv_usec = 200});
    case EPOLL:
        return epoll_wait(place->epoll, &event, 1, 1);
    case NANOSLEEP:
        return nanosleep(&soon, NULL);
    case CLOCK_NANOSLEEP:
        errno = clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, NULL);
        return errno == 0 ? 0 : -1;
    case RECV:
        return (int)recv(place->pair[0], &byte, 1, 0);
    case CONNECT:
        return connect_briefly(place);
    case SEM:
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SHORT_NS;
        if (until.tv_nsec >= 1000 * MS) {
            until.tv_sec++;
            until.tv_nsec -= 1000 * MS;
        }
        return sem_timedwait(&place->semaphore, &until);
    case FUTEX:
        return (int)syscall(SYS_futex, &place->word, FUTEX_WAIT_PRIVATE, 0, &soon, NULL, 0);
    case KINDS:
        break;
    }
    errno = EINVAL;
    return -1;
}

/* Wait `calls` times, a little CPU in between; how many were interrupted, or a
 * negative errno after what is neither that nor a timeout. */
long wait_often(int kind, long calls)
{
    places place;
    if (prepare(&place) != 0)
        return -errno;
    long interrupted = 0;
    volatile long spun = 0;
    for (long i = 0; i < calls; i++) {
        for (long limit = spun + 5000; spun < limit; spun++)
            ;
        if (wait_once((enum kind)kind, &place) >= 0)
            continue;
        if (errno == EINTR)
            interrupted++;
        else if (errno != EAGAIN && errno != ETIMEDOUT && errno != EINPROGRESS)
            return -errno;
    }
    return interrupted;
}

static struct {
    pthread_t thread;
    int kind;
    long calls, result;
} loops[LOOPS_MAX];
static int loop_count;

static void *loop(void *number)
{
    int i = (int)(intptr_t)number;
    loops[i].result = wait_often(loops[i].kind, loops[i].calls);
    return NULL;
}

/* The same in a thread that Python does not know. */
int begin(int kind, long calls)
{
    int i = loop_count++;
    loops[i].kind = kind;
    loops[i].calls = calls;
    return pthread_create(&loops[i].thread, NULL, loop, (void *)(intptr_t)i) == 0 ? i : -1;
}

unsigned long thread_of(int number)
{
    return (unsigned long)loops[number].thread;
}

long end(int number)
{
    pthread_join(loops[number].thread, NULL);
    return loops[number].result;
}
