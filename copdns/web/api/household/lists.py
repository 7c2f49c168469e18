"""The blocklists: which are in force, how old they are, and which of them have a name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission, may
from copdns.appeals.list_errors import still_listed
from copdns.as_json.lists import (
    NO_TRIAL_JSON,
    entry_json,
    score_json,
    status_json,
    trial_json,
)
from copdns.as_json.plain import utc
from copdns.as_json.versions import earlier_json, held_version_json
from copdns.list_files.load import measured_scores
from copdns.list_files.updates import ListUpdater
from copdns.lists.index import ListKind, find_shown
from copdns.lists.log_only_book import MAX_DAYS
from copdns.lists.version_book import HeldVersion, VersionChoice, version_id
from copdns.lists.versions import HoldReason, NeededKind
from copdns.model.names import normalize
from copdns.privacy.list_counts import ListCountKey, trial_count
from copdns.privacy.list_scores import score_lists
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import WHOLE, Id, Moment, Name
from copdns.web.list_versions import decide_version, set_trial


class ProblemShown(Given):
    """A line of a list that is not used, and why."""

    line: int
    reason: str
    text: str


class HeldShown(Given):
    """An entry that the gate left out.  name: what it would have taken away."""

    entry: str
    reason: str
    name: str


class NeededShown(Given):
    """An entry that would take away what is needed.  name: what that is."""

    entry: str
    kind: NeededKind
    name: str


class VersionWaiting(Given):
    """A newer version that is held.  added, removed: names; grown, lost: those that count for that.

    needed: the first entries that newly take away what is needed, those that the household allows
    or protects only for who has `see_profiles`; needed_count: of all.
    added_names, removed_names: the first 50, as in a rule.
    """

    slug: str = Field(alias="list")
    version: str
    held_at: Moment
    reasons: list[HoldReason]
    names_before: int
    names: int
    added: int
    removed: int
    grown: int
    lost: int
    lines: int
    broken: int
    lines_before: int
    broken_before: int
    octets_before: int
    octets: int
    needed: list[NeededShown]
    needed_count: int
    added_names: list[str]
    removed_names: list[str]


class VersionShown(Given):
    """A version of a list.  names: how many it has."""

    version: str
    fetched_at: Moment | None
    names: int


class VersionsShown(Given):
    """waiting: the version that is held, if one is.  earlier: those that one can go back to."""

    slug: str = Field(alias="list")
    waiting: VersionWaiting | None
    earlier: list[VersionShown]


class OneList(Sent):
    """Which list."""

    slug: Id = Field(alias="list")


class VersionChosen(Sent):
    """version: as it was shown; for `rollback` also "", which is the one before."""

    slug: Id = Field(alias="list")
    version: Annotated[str, Field(pattern="^[0-9a-f]{0,64}$")]


class VersionInForce(Given):
    """The version of a list that is in force now."""

    slug: str = Field(alias="list")
    version: str
    names: int


class TrialChosen(Sent):
    """days: from now on; 0: it blocks now."""

    slug: Id = Field(alias="list")
    days: Annotated[int, Field(ge=0, le=MAX_DAYS), WHOLE]


class TrialShown(Given):
    """Until when a list only counts; null: it blocks."""

    slug: str = Field(alias="list")
    log_only_until: Moment | None


class ListShown(Given):
    """used: its names; unused: how many are not, by why.  report: where mistakes are told.

    waiting: a newer version that is held until somebody decides.

    log_only_until: until then it only counts what it would block.  log_only_count: how much that
    is; null where fewer than three people had a part in it.

    held: the first entries that the gate left out; unused counts all of them.

    fetched_at to failures: of the copy of one that is fetched.  age: seconds since its server
    vouched for it.  error: why it is not in force.
    """

    slug: str = Field(alias="list")
    kind: ListKind
    about: str
    title: str
    licence: str
    maintainer: str
    report: str
    version: str
    used: int
    unused: dict[str, int]
    problems: list[ProblemShown]
    held: list[HeldShown]
    error: str
    fetched_at: Moment | None
    checked_at: Moment | None
    age: float | None
    octets: int
    fetch_error: str
    failures: int
    waiting: VersionWaiting | None
    log_only_until: Moment | None
    log_only_count: int | None


class WeekShown(Given):
    """One week of a list.  null: not known, as what fewer than three people met.

    wrong: names that this household found to be wrong; left_out: entries that the gate left out;
    wrong_share: both of 1,000 entries.
    """

    start: Moment = Field(alias="from")
    caught: int | None
    wrong: int | None
    left_out: int | None
    entries: int | None
    wrong_share: float | None


class BlockedShown(Given):
    """Of how many domains how many the list blocks."""

    of: int
    blocked: int


class MeasuredShown(Given):
    """How a list did when it was measured for copdns (blocklists/scores.yaml).

    version: the day of what was measured.  wanted: labels of its subject.  caught: of the domains
    with such a label; null where there is none.  others: of all other domains.
    """

    version: str
    wanted: list[str]
    caught: BlockedShown | None
    others: BlockedShown


class ScoreShown(Given):
    """label: its category.  measured: null where it was not.  weeks: the last eight, the newest
    first."""

    slug: str = Field(alias="list")
    label: str
    measured: MeasuredShown | None
    weeks: list[WeekShown]


class EntryShown(Given):
    """entry: as in a rule.  exception: the list says of it that it is not blocked."""

    slug: str = Field(alias="list")
    kind: ListKind
    about: str
    title: str
    entry: str
    exception: bool
    version: str


class SearchShown(Given):
    """What lists say of a name.  search_engines: whose host it is."""

    name: str
    entries: list[EntryShown]
    search_engines: list[str]


class ErrorShown(Given):
    """A name that a list named wrongly, as was decided here.  still: the list still names it."""

    name: str
    list: str
    category: str
    still: bool


class NameAsked(Sent):
    """Which name."""

    name: Name


class AskedShown(Given):
    """asked: the lists are looked at as soon as that is possible."""

    asked: bool


async def lists(call: Call) -> object:
    """Return all lists, with the state of their copies; lists that ship are never fetched."""
    updates, found = call.context.updates, []
    held = {} if call.context.is_shared else updates.held_versions  # whose machine it is decides
    counts = await asyncio.to_thread(call.context.log.list_counts, call.household.id, 0)
    for each in call.context.snapshot().library.statuses:
        state, waiting = (
            updates.copy_state(each.info.slug),
            held.get(each.info.slug),
        )
        found.append(
            status_json(each)
            | {
                "fetched_at": utc(state.fetched_at),
                "checked_at": utc(state.checked_at),
                "age": state.age(call.now),
                "octets": state.octets,
                "fetch_error": state.error,
                "failures": state.failures,
                "waiting": _version_json(call, each.info.slug, waiting) if waiting else None,
                **_trial_json(updates, counts, each.info.slug, call.now),
            }
        )
    return found


def _trial_json(
    updates: ListUpdater, counts: Mapping[ListCountKey, int], slug: str, now: float
) -> Mapping[str, object]:
    found = updates.log_only.book.get(slug)
    if found is None or found.until <= now:
        return NO_TRIAL_JSON
    return trial_json(found.until, trial_count(counts, slug, found.since))


async def log_only(call: Call) -> object:
    """Let a list only count for some days from now on, or block now (0)."""
    chosen: TrialChosen = call.body
    until = await set_trial(
        call.context, call.household.id, call.actor.name, chosen.slug, chosen.days
    )
    return {"list": chosen.slug, "log_only_until": utc(until)}


async def update(call: Call) -> object:
    """Request newer copies; a second request before they are fetched changes nothing."""
    call.context.updates.request_fetch()
    return {"asked": True}


async def versions(call: Call) -> object:
    """Return the versions of a fetched list that are kept here, besides the one in force."""
    slug, updates = call.query.slug, call.context.updates
    held = updates.held_versions.get(slug)
    earlier = await asyncio.to_thread(updates.versions.earlier, slug)
    return {
        "list": slug,
        "waiting": _version_json(call, slug, held) if held else None,
        "earlier": earlier_json(earlier),
    }


def _version_json(call: Call, slug: str, held: HeldVersion) -> dict[str, object]:
    return held_version_json(slug, held, shows_rules=may(call.actor, Permission.SEE_PROFILES))


async def accept(call: Call) -> object:
    """Put the version in force that is held; it decides within seconds."""
    return await _decide(call, VersionChoice.ACCEPT)


async def refuse(call: Call) -> object:
    """Leave the version in force; the same file is not held again."""
    return await _decide(call, VersionChoice.REFUSE)


async def rollback(call: Call) -> object:
    """Go back to an earlier version; every other one is held then until somebody accepts it."""
    return await _decide(call, VersionChoice.ROLL_BACK)


async def _decide(call: Call, choice: VersionChoice) -> object:
    chosen: VersionChosen = call.body
    state = await decide_version(
        call.context, call.household.id, call.actor.name, choice, chosen.slug, chosen.version
    )
    return {"list": chosen.slug, "version": version_id(state), "names": state.names}


async def scores(call: Call) -> object:
    """Return what each list blocked week by week, and what it took wrongly; nothing of a person."""
    counts = await asyncio.to_thread(call.context.log.list_counts, call.household.id, 0)
    statuses = call.context.snapshot().library.statuses
    measured = (await asyncio.to_thread(measured_scores)).lists
    return [score_json(each, measured.get(each.list)) for each in score_lists(statuses, counts)]


async def errors(call: Call) -> object:
    """Return false positives; they name no person."""
    index = call.context.snapshot().contexts[call.household.id].index
    found = await call.context.appeals.list_errors(call.household.id)
    return [{**each._asdict(), "still": still_listed(each, index)} for each in found]


async def search(call: Call) -> object:
    """Return the entries of lists that cover a name; `check` tells whether they block it for
    somebody."""
    query: NameAsked = call.query
    name, snapshot = normalize(query.name), call.context.snapshot()
    index = snapshot.contexts[call.household.id].index
    engines = [each.title for each in snapshot.library.engines.values() if name in each.hosts]
    return {
        "name": name,
        "entries": [entry_json(each) for each in find_shown(index, name)],
        "search_engines": engines,
    }


OPERATIONS = (
    Operation("GET", "/lists", Permission.SEE_STATUS, "All lists", lists, list[ListShown]),
    Operation(
        "POST",
        "/lists/update",
        Permission.EDIT_HOUSEHOLD,
        "Look for newer lists now",
        update,
        AskedShown,
        status=202,
    ),
    Operation(
        "GET",
        "/lists/versions",
        Permission.SEE_STATUS,
        "The versions of a list that are kept here",
        versions,
        VersionsShown,
        query=OneList,
    ),
    Operation(
        "POST",
        "/lists/accept",
        Permission.EDIT_HOUSEHOLD,
        "Use the version of a list that is held",
        accept,
        VersionInForce,
        body=VersionChosen,
    ),
    Operation(
        "POST",
        "/lists/refuse",
        Permission.EDIT_HOUSEHOLD,
        "Do not use the version of a list that is held",
        refuse,
        VersionInForce,
        body=VersionChosen,
    ),
    Operation(
        "POST",
        "/lists/rollback",
        Permission.EDIT_HOUSEHOLD,
        "Go back to an earlier version of a list",
        rollback,
        VersionInForce,
        body=VersionChosen,
    ),
    Operation(
        "POST",
        "/lists/log-only",
        Permission.EDIT_HOUSEHOLD,
        "Let a list only count for some days",
        log_only,
        TrialShown,
        body=TrialChosen,
    ),
    Operation(
        "GET",
        "/lists/scores",
        Permission.SEE_STATUS,
        "How each list did, week by week",
        scores,
        list[ScoreShown],
    ),
    Operation(
        "GET",
        "/lists/errors",
        Permission.SEE_APPEALS,  # somebody asked for these sites
        "Names that lists named wrongly",
        errors,
        list[ErrorShown],
    ),
    Operation(
        "GET",
        "/lists/search",
        Permission.SEE_STATUS,
        "Which lists hold a name",
        search,
        SearchShown,
        query=NameAsked,
    ),
)
