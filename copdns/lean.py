"""Leave out of memory what libraries load by themselves and a server has no use for.

Called before anything else is imported; what is saved are megabytes of the 60 that a whole copdns
takes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def import_little() -> None:
    """Import aiohttp and structlog without what they would bring along."""
    with _absent("rich"):  # 5 MB for tracebacks in colour
        import structlog  # noqa: F401
    with _without_certificates():
        import aiohttp  # noqa: F401


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
