"""Keep out of memory what a server does not need.

That is what libraries import by themselves, several of the 60 MB of a copdns, and what only the
start needs.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


def import_without_extras() -> None:
    """Import aiohttp and structlog without what they import only for extras.

    To be called before anything else is imported.
    """
    with _absent("rich"):  # 5 MB for tracebacks in colour
        import structlog  # noqa: F401
    with _without_certificates():
        import aiohttp  # noqa: F401


def trim_memory() -> None:
    """Return free memory to the system, where the C library can (malloc_trim(3)).

    After the start that is 5 MB with 1,000 profiles.
    """
    with suppress(AttributeError):  # as with musl
        ctypes.CDLL(None).malloc_trim(0)


@contextmanager
def _absent(package: str) -> Iterator[None]:
    """Let imports of an optional package fail, unless it was imported already."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # makes its import fail
    try:
        yield
    finally:
        del sys.modules[package]


@contextmanager
def _without_certificates() -> Iterator[None]:
    """Let OpenSSL find no certificates: aiohttp reads them all on import, 3 MB.

    So aiohttp's own TLS context trusts nobody; clients must make one of their own.
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
