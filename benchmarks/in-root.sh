#!/bin/sh
# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command in another root, where this folder and the one for temporary files
# are at the same paths as here: in-root.sh ROOT COMMAND …
# As root only. The command sees the same processes; what is mounted ends with it.
set -eu
root=$1
shift
exec unshare --mount -- sh -eu -c '
    root=$1 here=$2 temporary=$3
    shift 3
    for folder in "$temporary" "$here"; do
        mkdir -p "$root$folder"
        mount --bind "$folder" "$root$folder"
    done
    exec chroot "$root" env --chdir "$here" "$@"
' in-root "$root" "$PWD" "${TMPDIR:-/tmp}" "$@"
