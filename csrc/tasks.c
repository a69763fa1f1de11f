/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tasks.h"

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char tasks[] = "/proc/self/task";

int pn_tasks_each(void (*visit)(pid_t tid))
{
    DIR *directory = opendir(tasks);
    if (directory == NULL)
        return errno;
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (tid > 0)
            visit(tid);
    }
    closedir(directory);
    return 0;
}

/* A folder has a link from above, one from itself, and one from each folder in it:
 * here, the threads (proc_task_getattr in Linux's fs/proc/base.c). */
uint32_t pn_tasks_count(void)
{
    struct stat status;
    return stat(tasks, &status) == 0 && status.st_nlink > 2 ? (uint32_t)status.st_nlink - 2 : 0;
}
#endif
