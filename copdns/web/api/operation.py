"""One operation of the API: its path, permission, parameters, body and result.

Handlers get a `Call`, in which all of these are checked, and return what `as_json` makes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from copdns.accounts.roles import NO_SCOPES, Actor, Permission
from copdns.household.edit_checks import HasId
from copdns.model.errors import CopdnsError, HouseholdError
from copdns.model.household import Household, Profile
from copdns.model.sentences import literal
from copdns.policy.decide import Policy
from copdns.policy.snapshot import Snapshot
from copdns.web.balance import balance_of
from copdns.web.context import AppContext
from copdns.web.problem import Refused

Part = TypeVar("Part", bound=HasId)

# Built at the first use: without calls of the API they cost nothing.
_BUILT_ON_USE = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Sent(BaseModel):
    """What a program sends; a key that is not known is a mistake."""

    model_config = _BUILT_ON_USE | ConfigDict(strict=True)


class Given(BaseModel):
    """What a program gets; the keys are those of `copdns ... --json`."""

    model_config = _BUILT_ON_USE


class StepUp(Sent):
    """current, code: the password, and the code of two-step verification where it is turned on;
    not needed where they were entered within the last five minutes."""

    current: Annotated[str, Field(max_length=256)] = ""
    code: Annotated[str, Field(max_length=20)] = ""


class Nothing(Sent):
    """No parameters."""


def sent_values(wanted: Sent) -> dict[str, Any]:
    """Return the values that a change was sent with; raise HouseholdError for none."""
    values = {key: each for key, each in wanted.model_dump().items() if each is not None}
    if not values:
        raise HouseholdError("nothing to set: send at least one key")
    return values


@dataclass(frozen=True, slots=True)
class Call:
    """A request of somebody who may make it.

    household: as stored now, so a caller sees its own changes.  profile: the one in the path, None
    where the path has none.  query, body: instances of the operation's models; body is None without
    a model.  now: seconds since the epoch.
    """

    request: web.Request
    context: AppContext
    actor: Actor
    household: Household
    profile: Profile | None
    query: Any
    body: Any
    now: int

    @property
    def person(self) -> Profile:
        """The profile in the path; only for operations that have one there."""
        assert self.profile is not None
        return self.profile

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.match_info[name]

    def find(self, part: str, there: Iterable[Part]) -> Part:
        """Return the object that the path names; raise Refused (404)."""
        wanted = self.part(part)
        found = next((each for each in there if each.id == wanted), None)
        if found is None:
            raise Refused(404, f"There is no such {part}")
        return found

    async def change(self, what: str, edit: Callable[[Household], Household]) -> Household:
        """Store an edited household; a dispute between guardians is settled (`Balance`)."""
        return await self.context.store.change(
            self.household.id,
            edit,
            author=self.actor.name,
            what=what,
            now=self.now,
            balance=balance_of(self.actor),
        )

    def profile_of(self, profile_id: str) -> Profile:
        """Return the profile that a query or body names; raise HouseholdError."""
        found = self.household.profile(profile_id)
        if found is None:
            raise HouseholdError(literal(f"there is no profile {profile_id!r}"))
        return found

    def snapshot(self) -> Snapshot:
        """Return a snapshot of the stored household, so that a caller sees what it just changed."""
        return self.context.snapshot_of(self.household)

    def policy_of(self, snapshot: Snapshot, profile_id: str) -> Policy:
        """Return a person's policy; raise CopdnsError where it is not in force yet."""
        try:
            return snapshot.policy(self.household.id, profile_id)
        except KeyError:
            raise CopdnsError("not in force yet; try again in a moment") from None


Handler = Callable[[Call], Awaitable[object]]

MAX_BODY = 64 << 10
_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    path: below /api/v1; {profile} is the id of a profile of the household.  permission: needed for
    the profile in the path, where there is one.  summary: a line for people.  result: a type for
    pydantic; None for an empty response.  status: of success.  streams: the handler responds by
    itself, with server-sent events.  text: the media type of a result that is text, else "".  own:
    it is about the account of whoever is logged in, so programs cannot call it.  most: octets of a
    body.  step_up: it opens doors or data, so a person needs a login or step-up of the last five
    minutes, and a token the scope `step_up` too.  may_be_missing: what it returns may not be there,
    which is a 404 even though the path names nothing.
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
    most: int = MAX_BODY
    step_up: bool = False
    may_be_missing: bool = False

    @property
    def for_people(self) -> bool:
        """Whether it needs a session, and no token will do."""
        return self.own or self.permission in NO_SCOPES

    @property
    def id(self) -> str:
        """The operationId, of module and function: "pauses.unpause"."""
        return f"{self.subject}.{self.handler.__name__}"

    @property
    def subject(self) -> str:
        """What it is about, for the table of operations: the name of its module."""
        return self.handler.__module__.rpartition(".")[2]

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the variable parts of the path."""
        return tuple(_PART.findall(self.path))

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"

    @property
    def refusals(self) -> tuple[int, ...]:
        """The error statuses that it can respond with."""
        found = {401, 403, 405, 429, 503}
        if self.query is not Nothing or self.body is not None:
            found.add(400)
        if self.body is not None:
            found |= {413, 415, 422}
        if self.parts or self.may_be_missing:
            found.add(404)
        if not self.reads or self.query is not Nothing:
            found.add(409)
        return tuple(sorted(found))
