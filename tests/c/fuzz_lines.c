/* SPDX-FileCopyrightText: The pyroscope_native authors
 * SPDX-License-Identifier: Apache-2.0
 */
/* For libFuzzer: the first byte picks the format, the others are the table. */
#include "lines.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    enum { UNITS = 1000 };
    if (count == 0)
        return 0;
    enum pn_line_format format = (enum pn_line_format)(bytes[0] % 3);
    size_t needed = pn_lines_decode(format, bytes + 1, count - 1, 1, UNITS, NULL, 0);
    pn_line_run *runs = malloc(needed * sizeof(*runs));
    if (pn_lines_decode(format, bytes + 1, count - 1, 1, UNITS, runs, needed) != needed ||
        (needed > 0 && runs[needed - 1].end_unit > UNITS))
        abort();
    free(runs);
    return 0;
}
