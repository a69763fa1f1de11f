# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""The program that is measured: a service from the start to the end of a profiler.

    python -m benchmarks.serve PROFILER SERVICE RECORDING PORT

RECORDING is a Recording in JSON. Whoever listens at PORT is told the process and the
port of the service; SIGTERM ends it.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys

from benchmarks.profilers import PROFILERS, Recording


def serve(profiler: str, service: str, recording: Recording, port: int) -> None:
    """Serve, profiled, and with the profiler's labels if it has any."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    module = PROFILERS[profiler].load()
    begin = getattr(module, "begin", None)
    stop = begin(recording) if begin else lambda: None
    program = importlib.import_module(f"benchmarks.services.{service}")
    application = program.application
    if hasattr(module, "labelled"):
        application = program.labelled(application, module.labelled)
    try:
        # asyncio knows a TCP socket by its protocol, and lets it send without delay.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(128)
            with socket.create_connection(("127.0.0.1", port)) as waiting:
                waiting.sendall(f"{os.getpid()} {listener.getsockname()[1]}".encode())
            program.serve(application, listener)
    except SystemExit:
        pass  # some servers let it through
    stop()


def main() -> None:
    """Serve what the command line names."""
    profiler, service, recording, port = sys.argv[1:]
    serve(profiler, service, Recording(**json.loads(recording)), int(port))


if __name__ == "__main__":
    main()
