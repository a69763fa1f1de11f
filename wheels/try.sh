#!/bin/sh
# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
#
# wheels/try.sh FOLDER: install the wheel that pip takes from a folder for this machine, as
# users do, without building anything, and profile with it.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check "$@"; }

pip download --quiet --no-index --no-deps --find-links "$1" --dest "$work" pyroscope-native
wheel=$(echo "$work"/*.whl)
case $wheel in
*-py3-none-any.whl)
    echo "try: none of the wheels in $1 with a core is for this machine" >&2
    exit 1
    ;;
esac
echo "${wheel##*/}"
pip install --quiet --only-binary :all: "$wheel"
"$work/venv/bin/python" wheels/smoke.py
