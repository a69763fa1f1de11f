# SPDX-FileCopyrightText: The pyroscope_native authors
# SPDX-License-Identifier: Apache-2.0
"""What the profiler has to say while a program runs: once for each cause.

The logger is called `pyroscope_native`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 100}
"""As `logging` has them."""

_said: set[str] = set()


def warn_once(cause: str, message: str) -> None:
    """Log `message` as a warning, unless `cause` has been the reason before.

    Never raises: a program's logging may be in any state. A program that has not loaded
    `logging` sees what it would print. It is not loaded here: it has hooks on both sides of
    a fork, which may be under way in another thread.
    """
    if cause in _said:
        return
    _said.add(cause)
    try:
        logging = sys.modules.get("logging")
        if logging is None:
            print(f"pyroscope_native: {message}", file=sys.stderr)
        else:
            logging.getLogger("pyroscope_native").warning("pyroscope_native: %s", message)
            _forget_dummy_thread()
    except Exception:
        pass


def inform(message: str) -> None:
    """Log `message` as information, where there is logging. For threads of the
    program's only."""
    if "logging" in sys.modules:
        import logging

        logging.getLogger("pyroscope_native").info("pyroscope_native: %s", message)


def show() -> None:
    """Have information logged, too, and on stderr unless the program has said where."""
    import logging

    logger = logging.getLogger("pyroscope_native")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def set_level(level: str) -> None:
    """Log from `level` on, one of LEVELS; what is less than a warning, on stderr unless the
    program has said where. Empty: leave all as it is."""
    if not level:
        return
    import logging

    logging.getLogger("pyroscope_native").setLevel(LEVELS[level])
    if LEVELS[level] < logging.WARNING:
        show()


def _forget_dummy_thread() -> None:
    """Undo that logging in a thread of ours makes it appear among the program's.

    `threading` makes up a Thread for each foreign thread that asks who it is,
    and lists it: a program that waits for all the threads it finds would wait
    for ours.
    """
    threading: Any = sys.modules["threading"]  # which logging has loaded
    ident = threading.get_ident()
    active = threading._active
    if isinstance(active.get(ident), threading._DummyThread):
        active.pop(ident, None)
