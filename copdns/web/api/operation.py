"""One operation: how it is called, who may, what it takes and what it gives.

Handlers get a `Call`, in which all of that is checked, and return a value as `as_json` makes them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from copdns.accounts.roles import NO_SCOPES, Actor, Balance, Permission
from copdns.household.edit_checks import HasId
from copdns.household.presets import apply
from copdns.model.errors import HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.sentences import literal
from copdns.web.context import AppContext
from copdns.web.problem import Refused

Part = TypeVar("Part", bound=HasId)

# Built when they are first needed: a house that uses no API pays nothing for it.
_LATER = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Sent(BaseModel):
    """What a program sends; a key that is not known is a mistake."""

    model_config = _LATER | ConfigDict(strict=True)


class Given(BaseModel):
    """What a program gets; the keys are those of `copdns ... --json`."""

    model_config = _LATER


class Nothing(Sent):
    """No parameters."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who may.

    household: as stored now, so that whoever changed it sees that.  profile: the one in the path,
    None where there is none.  query, body: of the operation's models.  now: seconds since the
    epoch.
    """

    request: web.Request
    parts: AppContext
    actor: Actor
    household: Household
    profile: Profile | None
    query: Any
    body: Any
    now: int

    @property
    def person(self) -> Profile:
        """The profile in the path, of an operation that has one there."""
        assert self.profile is not None
        return self.profile

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def one(self, part: str, there: Iterable[Part]) -> Part:
        """Return what the path names; raise Refused (404)."""
        wanted = self.part(part)
        found = next((each for each in there if each.id == wanted), None)
        if found is None:
            raise Refused(404, f"There is no such {part}")
        return found

    async def change(self, what: str, edit: Callable[[Household], Household]) -> Household:
        """Store an edited household, weighed against what other guardians want."""
        return await self.parts.store.change(
            self.household.id,
            edit,
            author=self.actor.name,
            what=what,
            now=self.now,
            balance=Balance(self.actor.id, self._preset),
        )

    def _preset(self, profile: Profile) -> Profile:
        return apply(self.parts.known().presets[profile.band], profile)

    def profile_of(self, profile_id: str) -> Profile:
        """Return a profile that was named in a query or body; raise HouseholdError."""
        found = self.household.profile(profile_id)
        if found is None:
            raise HouseholdError(literal(f"there is no profile {profile_id!r}"))
        return found


Handler = Callable[[Call], Awaitable[object]]

MOST_SENT = 64 << 10
_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """path: below /api/v1; {profile} in it is the id of one of the household.

    permission: asked of the profile in the path where there is one.  summary: a line for people.
    result: a type for pydantic; None for no content.  status: of success.
    streams: the handler answers by itself, with server-sent events.  text: the result is a text of
    this media type.  own: it is about the account of whoever is logged in, which is no program's.
    most: octets of a body.
    """

    method: str
    path: str
    permission: Permission
    summary: str
    handler: Handler
    result: Any = None
    query: type[Sent] = Nothing
    body: type[Sent] | None = None
    status: int = 200
    streams: bool = False
    text: str = ""
    own: bool = False
    most: int = MOST_SENT

    @property
    def for_people(self) -> bool:
        """Whether only somebody who is logged in can do it, and no token."""
        return self.own or self.permission in NO_SCOPES

    @property
    def id(self) -> str:
        """The subject and what is done: "pauses.unpause"."""
        return f"{self.subject}.{self.handler.__name__}"

    @property
    def subject(self) -> str:
        return self.handler.__module__.rpartition(".")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what varies in the path."""
        return tuple(_PART.findall(self.path))

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    @property
    def refusals(self) -> tuple[int, ...]:
        """The statuses, besides success, that it can answer with."""
        found = {401, 403, 405, 429, 503}
        if self.query is not Nothing or self.body is not None:
            found.add(400)
        if self.body is not None:
            found |= {413, 415, 422}
        if self.parts:
            found.add(404)
        if not self.reads or self.query is not Nothing:
            found.add(409)
        return tuple(sorted(found))
