"""What `copdns doctor` finds: how things are, what that means, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from copdns.cli.home import Home


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"  # works, but not as someone may think
    FAIL = "fail"  # does not work


class Finding(NamedTuple):
    """One thing that was looked at.  about: the part; what: how it is; todo: "" when nothing."""

    status: Status
    about: str
    what: str
    todo: str = ""


Check = Callable[[Home], Iterator[Finding]]


def ok(about: str, what: str) -> Finding:
    return Finding(Status.OK, about, what)


def warn(about: str, what: str, todo: str) -> Finding:
    return Finding(Status.WARN, about, what, todo)


def fail(about: str, what: str, todo: str) -> Finding:
    return Finding(Status.FAIL, about, what, todo)
