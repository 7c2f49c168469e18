"""The program's own log on stderr: text on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from traceback import format_tb
from typing import TYPE_CHECKING

import structlog
from structlog.typing import Processor

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

log = structlog.get_logger("copdns")


def log_to_stderr() -> None:
    """Write log events of copdns and of its libraries to stderr."""
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not sys.stderr.isatty()),
    ]
    to_text = _renderers(on_terminal=sys.stderr.isatty())
    structlog.configure(
        processors=[*shared, *to_text],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *to_text],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    sys.unraisablehook = _log_unraisable


@contextmanager
def log_beside_output() -> Iterator[None]:
    """Let the log go to stderr meanwhile: a command's stdout may be read by a program."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        yield
    finally:
        structlog.configure(**before)


def _log_unraisable(told: UnraisableHookArgs) -> None:
    """Log what went wrong where no caller could be told, without the object that Python prints.

    A server name (SNI) that is no ASCII is such an object: its handshake has failed, and whoever
    sends it is not told more, nor is the log.
    """
    if told.exc_type is UnicodeDecodeError and isinstance(told.object, bytes):
        return
    log.error(
        "a bug where nobody can be told of it",
        error=told.exc_type.__name__,
        traceback="".join(format_tb(told.exc_traceback)),
    )


def _renderers(*, on_terminal: bool) -> list[Processor]:
    """Return processors without the locals of tracebacks: they contain names that were queried."""
    if on_terminal:
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
