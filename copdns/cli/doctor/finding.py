"""What `copdns doctor` finds: the state of a part, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from copdns.cli.home import Home


class FindingStatus(StrEnum):
    """How bad a finding is; with FAIL among them, `doctor` ends with status 1."""

    OK = "ok"
    WARN = "warn"  # works, but perhaps not as intended
    FAIL = "fail"  # does not work


class Finding(NamedTuple):
    """The result of a check.  about: the part; what: its state; todo: "" where nothing is to do."""

    status: FindingStatus
    about: str
    what: str
    todo: str = ""


Check = Callable[[Home], Iterator[Finding]]


def ok(about: str, what: str) -> Finding:
    """Return that all is well.  what: in one line."""
    return Finding(FindingStatus.OK, about, what)


def warn(about: str, what: str, todo: str) -> Finding:
    """Return what will be trouble.  todo: what to do about it."""
    return Finding(FindingStatus.WARN, about, what, todo)


def fail(about: str, what: str, todo: str) -> Finding:
    """Return what does not work; `doctor` then ends with status 1.  todo: what to do about it."""
    return Finding(FindingStatus.FAIL, about, what, todo)
