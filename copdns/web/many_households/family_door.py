"""Whose pages a request may be about, where one copdns has those of many households.

A provider's subscribers are told apart by no address: behind a router a family is one, and several
families can be.  So a login says whose it is, and everybody else types the household's own code
once; a cookie keeps it.  At home there is no door: there is one household.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Final, NamedTuple, Protocol

from copdns.accounts.lockout import (
    Attempt,
    FailureLog,
    add_failure,
    seconds_to_wait,
    take_back_failure,
)
from copdns.model.device_tokens import is_token, token_digest
from copdns.web.many_households.tenant_sign import TenantSign

CHOSEN: Final[ContextVar[str]] = ContextVar("household of this request", default="")
# The digest of the token that this browser's device has; "" where it showed none.
DEVICE: Final[ContextVar[str]] = ContextVar("device of this request", default="")


class Families(Protocol):
    """The households that have pages here."""

    async def find(self, code: str) -> str:
        """Return whose code it is; "" for nobody's."""

    async def find_device(self, digest: str) -> str:
        """Return whose device has a token, by its digest; "" for nobody's."""

    async def code_of(self, household: str) -> str:
        """Return the code of a household, made at the first call."""

    async def renew_code(self, household: str, author: str, now: int) -> str:
        """Return another code of a household; the former one is nobody's from now on."""

    def hold(self, household: str) -> AbstractAsyncContextManager[bool]:
        """Have a household ready while a request runs; False where there is none."""


class DoorEntry(NamedTuple):
    """What was typed.  household: "" for nobody's.  is_device: it was the token of a device.
    waits: there were too many wrong ones."""

    household: str
    is_device: bool = False
    waits: bool = False


class FamilyDoor:
    """families: which there are.  monotonic: seconds, for waits after wrong codes.

    look: what the pages of a household have of its brand; None for nothing.  heard: on which days
    its devices were told apart in the last week; None where that is not measured.
    """

    def __init__(
        self,
        families: Families,
        monotonic: Callable[[], float],
        look: Callable[[str], Awaitable[TenantSign | None]] | None = None,
        heard: Callable[[str], Awaitable[Mapping[str, int]]] | None = None,
    ) -> None:
        self.families = families
        self.look = look
        self.heard = heard
        self._monotonic = monotonic
        self._failures = FailureLog()

    async def enter(self, text: str, address: str) -> DoorEntry:
        """Return whose code was typed, or the token of whose device."""
        attempt = Attempt(f"family {address}", address)
        if seconds_to_wait(self._failures, attempt, self._monotonic()) > 0:
            return DoorEntry("", waits=True)
        # Before it is looked up, so that a hundred guesses at once count as a hundred.
        self._failures = add_failure(self._failures, attempt, self._monotonic())
        is_device = is_token(text.strip().lower())
        if is_device:
            household = await self.families.find_device(token_digest(text.strip()))
        else:
            household = await self.families.find(text)
        if household:
            self._failures = take_back_failure(self._failures, attempt)
        return DoorEntry(household, is_device)
