# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that takes what profilers push, in a process and session of its own.

It answers as Pyroscope does (/push.v1.PusherService/Push, /ingest) and as Datadog's agent
(/info, /profiling/v1/input, and 200 for whatever else is asked). Bodies are kept as
they came, in a directory if one is given, as NUMBER-NAME: the last word of the path,
numbered from 0001 in the order of arrival. Some are compressed, Datadog's are multipart.

    python -m benchmarks.sink [DIRECTORY]   prints its port; ends with its standard input,
                                            and prints then what has been requested
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from benchmarks.environments import ROOT

UPLOADS = ("/push.v1.PusherService/Push", "/ingest", "/profiling/v1/input")
"""Where profiles go."""
AGENT = {"version": "7.70.0", "endpoints": ["/profiling/v1/input"], "client_drop_p0s": True}


class Request(NamedTuple):
    """One that has been answered."""

    path: str
    """Without the query."""
    size: int
    """Bytes of the body, as sent."""

    @property
    def is_upload(self) -> bool:
        """Whether it brought a profile."""
        return self.path in UPLOADS and self.size > 0


class Sink:
    """Listens from `with` to the end of it."""

    def __init__(self, directory: str = "") -> None:
        self._directory = directory
        self.address = ""
        self.requests: list[Request] = []
        """Known at the end."""

    @property
    def uploads(self) -> list[int]:
        """Bytes of each profile that came."""
        return [request.size for request in self.requests if request.is_upload]

    def __enter__(self) -> Sink:
        words = [sys.executable, "-m", "benchmarks.sink", self._directory]
        self._process = subprocess.Popen(
            words,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.address = f"http://127.0.0.1:{int(_of(self._process.stdout).readline())}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        requests, _ = self._process.communicate()
        self.requests = [Request(*fields) for fields in json.loads(requests)]


def _of(stream: IO[str] | None) -> IO[str]:
    assert stream is not None, "it is a pipe"
    return stream


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.directory = Path(directory) if directory else None
        self.requests: list[Request] = []
        self._lock = threading.Lock()

    def note(self, path: str, body: bytes) -> None:
        """Count it, and keep what it brought."""
        with self._lock:
            self.requests.append(Request(path, len(body)))
            number = len(self.requests)
        if self.directory is not None and body:
            (self.directory / f"{number:04}-{path.rsplit('/', 1)[-1]}").write_bytes(body)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.note(path, b"")
        self._answer(json.dumps(AGENT if path == "/info" else {}).encode(), "application/json")

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.server.note(path, self._body())
        if self.headers.get("Content-Type") == "application/proto":
            self._answer(b"", "application/proto")  # an empty message
        else:
            self._answer(b"{}", "application/json")

    do_PUT = do_POST

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(chunks)

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until the standard input ends."""
    server = _Server(sys.argv[1] if len(sys.argv) > 1 else "")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    print(json.dumps(server.requests))


if __name__ == "__main__":
    main()
