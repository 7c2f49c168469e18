"""Whose pages a request may be about, where one copdns has those of many households.

A provider's subscribers are told apart by no address: behind a router a family is one, and several
families can be.  So a login says whose it is, and everybody else types the household's own code
once; a cookie keeps it.  At home there is no door: there is one household.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Final, Protocol

from copdns.accounts.lockout import Attempt, FailureLog, add_failure, seconds_to_wait

CHOSEN: Final[ContextVar[str]] = ContextVar("household of this request", default="")


class Families(Protocol):
    """The households that have pages here."""

    async def find(self, code: str) -> str:
        """Return whose code it is; "" for nobody's."""

    def hold(self, household: str) -> AbstractAsyncContextManager[bool]:
        """Have a household ready while a request runs; False where there is none."""


class FamilyDoor:
    """families: which there are.  monotonic: seconds, for waits after wrong codes."""

    def __init__(self, families: Families, monotonic: Callable[[], float]) -> None:
        self.families = families
        self._monotonic = monotonic
        self._failures = FailureLog()

    async def enter(self, code: str, address: str) -> tuple[str, bool]:
        """Return whose code was typed, "" for a wrong one, and whether there were too many."""
        attempt = Attempt(f"family {address}", address)
        if seconds_to_wait(self._failures, attempt, self._monotonic()) > 0:
            return "", True
        household = await self.families.find(code)
        if not household:
            self._failures = add_failure(self._failures, attempt, self._monotonic())
        return household, False
