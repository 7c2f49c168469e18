"""Leave out of memory what a server has no use for.

That is what libraries load by themselves, megabytes of the 60 that a whole copdns takes, and what
was needed only to begin.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def import_without_extras() -> None:
    """Import aiohttp and structlog without what they would bring along.

    Called before anything else is imported.
    """
    with _absent("rich"):  # 5 MB for tracebacks in colour
        import structlog  # noqa: F401
    with _without_certificates():
        import aiohttp  # noqa: F401


def trim_memory() -> None:
    """Give the system back what is free now, where the C library can (malloc_trim(3)).

    After a household was read and put in force: 5 MB with 1,000 profiles.
    """
    with suppress(AttributeError):  # as with musl
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let imports of an optional package fail, unless it is there already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # how Python is told: not to be found
    try:
        yield
    finally:
        del sys.modules[package]


@contextmanager
def _without_certificates() -> Iterator[None]:
    """Let OpenSSL find no certificates: aiohttp reads them all on import, 3 MB.

    Whoever asks a server over TLS makes a context of its own; aiohttp's trusts nobody then.
    """
    variables = {name: os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")}
    os.environ.update(dict.fromkeys(variables, os.devnull))
    try:
        yield
    finally:
        for name, value in variables.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
