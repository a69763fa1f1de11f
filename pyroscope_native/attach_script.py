# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
# What a program that is attached to executes in its main thread. It has no globals but
# builtins, and leaves `sys.path` alone: other threads may be importing.
from __future__ import annotations


def attach(
    address: str, package: str, version: str, settings: dict[str, object], duration_s: float
) -> None:
    """Profile this process and hand over what is seen to the socket at `address`.

    `package` is the path of our package's `__init__.py`, unless the program has loaded
    its own.
    """
    import _socket
    import sys

    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.connect(address)
    except OSError:
        return  # who asked has given up
    reason = None
    try:
        if "pyroscope_native" not in sys.modules:
            from importlib.util import module_from_spec, spec_from_file_location

            spec = spec_from_file_location("pyroscope_native", package)
            assert spec is not None
            assert spec.loader is not None
            module = sys.modules["pyroscope_native"] = module_from_spec(spec)
            spec.loader.exec_module(module)
        import pyroscope_native
        from pyroscope_native.support import reason_unsupported

        if pyroscope_native.__version__ != version:
            reason = (
                f"it has loaded pyroscope_native {pyroscope_native.__version__} "
                f"({pyroscope_native.__file__}), this is {version}"
            )
        reason = reason or reason_unsupported()
        if not reason:
            from pyroscope_native.attached import begin
    except BaseException as error:
        reason = f"{type(error).__name__}: {error}"
    if reason:
        import json

        connection.sendall(json.dumps(["refused", [reason]]).encode() + b"\n")
        connection.close()
    else:
        begin(connection, settings, duration_s)
