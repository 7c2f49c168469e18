"""Local DNS records, rewrites, and domains that are forwarded to other upstreams."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue

from copdns.accounts.roles import Permission
from copdns.as_json.household import rewrite_json
from copdns.as_json.plain import plain
from copdns.household.edit_checks import parse_field
from copdns.household.name_edits import (
    remove_local_name,
    remove_rewrite,
    remove_split_upstream,
    remove_usual_upstreams,
    set_local_name,
    set_rewrite,
    set_split_upstream,
    set_usual_upstreams,
)
from copdns.model.broad_names import is_public
from copdns.model.encrypted_addresses import split_address
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.local_records import scoped_local_domain
from copdns.model.matchers import parse_matcher
from copdns.model.names import normalize
from copdns.model.scoped_names import EVERY_NAME, read_scoped_name
from copdns.settings.config import SYSTEM
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.types import Name
from copdns.web.house_checks import describe_troubles, note_and_try, note_try, troubles_of
from copdns.web.problem import Refused
from copdns.web.step_up import require_sure

_Maybe = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=60)], ...], Field(max_length=20)
]
_Records = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=1100)], ...], Field(max_length=20)
]
_Servers = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=300)], ...],
    Field(min_length=1, max_length=20),
]


class LocalNameShown(Given):
    """Names below it do not exist, but for `*.name`, which stands for all of them.

    records: TXT and SRV, such as "SRV 0 0 631 printer.home.arpa".
    scope: for whom: a profile's id, "#tag", or "" for everyone.
    """

    name: str
    addresses: list[str]
    records: list[str]
    scope: str


def _not_empty(key: str) -> dict[str, JsonValue]:
    return {"required": [key], "properties": {key: {"minItems": 1}}}


class Addresses(Sent):
    """A name of a public site needs a step-up; a token needs the scope step_up for it."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [_not_empty("addresses"), _not_empty("records")]}
    )

    addresses: _Maybe = ()
    records: _Records = ()


class RewriteShown(Given):
    """name: as in a rule.  target: the name whose data is given."""

    name: str
    target: str


class Target(Sent):
    """A name of a public site needs a step-up; a token needs the scope step_up for it."""

    target: Name


class SplitShown(Given):
    """upstreams: asked for the name and all below it; for all names where it is empty.

    scope: for whom: a profile's id, "#tag", or "" for everyone.
    """

    name: str
    upstreams: list[str]
    scope: str


class Upstreams(Sent):
    """upstreams: each an address, with or without a port, or encrypted as in the settings.

    anyway: save them even if one does not answer now.
    """

    upstreams: _Servers
    anyway: bool = False


class UsualShown(Given):
    """upstreams: those in force; none: those that this machine was given.  fixed: the settings name
    them.  chosen: the household did."""

    upstreams: list[str]
    fixed: bool
    chosen: bool


class UpstreamTried(Given):
    """trouble: "" where it answers."""

    upstream: str
    trouble: str


# --- names of this house --------------------------------------------------------------------------


async def local_names(call: Call) -> object:
    """Return all local names with their addresses."""
    return plain(call.household.local_names)


async def set_local(call: Call) -> object:
    """Set the addresses of a local name; the name of a public site needs a step-up."""
    wanted: Addresses = call.body
    name, values = call.part("name"), (*wanted.addresses, *wanted.records)
    if not values:
        raise Refused(400, "Write at least one address or record")
    await _require_sure_of_site(call, name)
    edit = partial(set_local_name, name=name, addresses=values, known=call.context.known_ids())
    after = await call.change(f"local name {name}: {', '.join(values)}", edit)
    return plain(after.local_names[-1])


async def remove_local(call: Call) -> None:
    """Remove a local name; raise Refused (404), or NameTextError for what is no name."""
    name = str(scoped_local_domain(call.part("name")))
    await _require_sure_of_site(call, name)
    _require_listed(name, (each.key for each in call.household.local_names), "local name")
    await call.change(f"local name {name} removed", partial(remove_local_name, name=name))


# --- rewrites -------------------------------------------------------------------------------------


async def rewrites(call: Call) -> object:
    """Return all rewrites."""
    return [rewrite_json(each) for each in call.household.rewrites]


async def rewrite(call: Call) -> object:
    """Set the target of a rewrite; the name of a public site needs a step-up."""
    wanted: Target = call.body
    text = call.part("rewrite")
    await _require_sure_of_site(call, text)
    edit = partial(
        set_rewrite, text=text, target_name=wanted.target, known=call.context.known_ids()
    )
    after = await call.change(f"rewrite of {text}: {wanted.target}", edit)
    return rewrite_json(after.rewrites[-1])


async def end_rewrite(call: Call) -> None:
    """Remove a rewrite; raise Refused (404), or NameTextError for what is no rule."""
    wanted = parse_matcher(call.part("rewrite"))
    await _require_sure_of_site(call, str(wanted))
    _require_listed(wanted, (each.matcher for each in call.household.rewrites), "rewrite")
    edit = partial(remove_rewrite, text=str(wanted))
    await call.change(f"rewrite of {wanted} removed", edit)


# --- domains of other upstreams -------------------------------------------------------------------


async def splits(call: Call) -> object:
    """Return all domains that other upstreams are asked for."""
    return plain([e for e in call.household.split_upstreams if e.key != EVERY_NAME])


async def usual(call: Call) -> object:
    """Return the DNS servers that all names are asked of."""
    settings, household = call.context.settings().upstreams, call.household
    servers = settings.usual_servers(household.usual_upstreams)
    return {
        "upstreams": [str(each) for each in servers if each != SYSTEM],
        "fixed": settings.are_fixed,
        "chosen": bool(household.usual_upstreams) and not settings.are_fixed,
    }


async def set_usual(call: Call) -> object:
    """Ask other DNS servers from now on; raise HouseholdError for one that does not answer, and
    where the settings name them."""
    wanted: Upstreams = call.body
    if call.context.settings().upstreams.are_fixed:
        raise HouseholdError("the settings file names the DNS servers; change them there")
    edit = partial(set_usual_upstreams, upstreams=wanted.upstreams, known=call.context.known_ids())
    servers = edit(call.household).usual_upstreams
    await _require_answers(call, servers, wanted)
    after = await call.change(f"DNS servers: {', '.join(servers)}", edit)
    return {"upstreams": after.usual_upstreams, "fixed": False, "chosen": True}


async def end_usual(call: Call) -> None:
    """Ask the DNS servers that this machine was given again; without others nothing changes."""
    if call.household.usual_upstreams:
        await call.change("DNS servers: as this computer was given", remove_usual_upstreams)


async def try_servers(call: Call) -> object:
    """Ask DNS servers once each, and return what is wrong with them; nothing is saved."""
    wanted: Upstreams = call.body
    servers = [parse_field(split_address, each) for each in wanted.upstreams]
    found = await note_and_try(call.context, call.household.id, call.actor.name, servers)
    return [{"upstream": each, "trouble": found.get(each, "")} for each in servers]


async def _require_answers(call: Call, servers: Iterable[str], wanted: Upstreams) -> None:
    asked = tuple(servers)
    if not wanted.anyway and (found := await troubles_of(call.context, asked)):
        await note_try(call.context, call.household.id, call.actor.name, asked)
        raise HouseholdError(describe_troubles(found))


async def split(call: Call) -> object:
    """Set the upstreams of a domain; raise HouseholdError for one that does not answer."""
    wanted: Upstreams = call.body
    domain = call.part("domain")
    edit = partial(
        set_split_upstream,
        name=domain,
        upstreams=wanted.upstreams,
        known=call.context.known_ids(),
    )
    edit(call.household)  # what cannot be is told before anyone waits
    servers = [parse_field(split_address, each) for each in wanted.upstreams]
    await _require_answers(call, servers, wanted)
    after = await call.change(
        f"conditional forwarding for {domain}: {', '.join(wanted.upstreams)}", edit
    )
    return plain(after.split_upstreams[-1])


async def end_split(call: Call) -> None:
    """Ask the usual upstreams for a domain again; raise Refused (404), NameTextError or
    TextError."""
    domain = str(read_scoped_name(call.part("domain")))
    _require_listed(domain, (each.key for each in call.household.split_upstreams), "split")
    edit = partial(remove_split_upstream, name=domain)
    await call.change(f"conditional forwarding for {domain} removed", edit)


async def _require_sure_of_site(call: Call, text: str) -> None:
    """Raise StepUpNeededError for a site on the internet: where it leads, they see who uses it.

    text: a name as in a rule; what is none is the edit's to refuse.
    """
    try:
        written = text.strip().partition("@")[0]
        name = normalize(written.removeprefix("*.").removeprefix("="))
    except NameTextError:
        return
    if is_public(name):
        await require_sure(call.request, call.actor)


def _require_listed(wanted: object, there: Iterable[object], what: str) -> None:
    if wanted not in there:
        raise Refused(404, f"There is no such {what}")


_SEE, _EDIT = Permission.SEE_PROFILES, Permission.EDIT_HOUSEHOLD
OPERATIONS = (
    Operation("GET", "/upstreams", _SEE, "DNS servers of all names", usual, UsualShown),
    Operation(
        "PUT",
        "/upstreams",
        _EDIT,
        "Ask other DNS servers",
        set_usual,
        UsualShown,
        body=Upstreams,
        step_up=True,
    ),
    Operation(
        "DELETE",
        "/upstreams",
        _EDIT,
        "Ask the DNS servers that this machine was given",
        end_usual,
        status=204,
        step_up=True,
    ),
    Operation(
        "POST",
        "/upstreams/try",
        _EDIT,
        "Try DNS servers",
        try_servers,
        list[UpstreamTried],
        body=Upstreams,
        step_up=True,
    ),
    Operation(
        "GET", "/local-names", _SEE, "Names of this house", local_names, list[LocalNameShown]
    ),
    Operation(
        "PUT",
        "/local-names/{name}",
        _EDIT,
        "Give a name of this house its addresses",
        set_local,
        LocalNameShown,
        body=Addresses,
    ),
    Operation(
        "DELETE",
        "/local-names/{name}",
        _EDIT,
        "Remove a name of this house",
        remove_local,
        status=204,
    ),
    Operation(
        "GET",
        "/rewrites",
        _SEE,
        "Names that are answered with another name's data",
        rewrites,
        list[RewriteShown],
    ),
    Operation(
        "PUT",
        "/rewrites/{rewrite}",
        _EDIT,
        "Answer a name with another name's data",
        rewrite,
        RewriteShown,
        body=Target,
    ),
    Operation("DELETE", "/rewrites/{rewrite}", _EDIT, "Remove a rewrite", end_rewrite, status=204),
    Operation(
        "GET",
        "/splits",
        _SEE,
        "Domains that other upstreams are asked for",
        splits,
        list[SplitShown],
    ),
    Operation(
        "PUT",
        "/splits/{domain}",
        _EDIT,
        "Ask other upstreams for a domain",
        split,
        SplitShown,
        body=Upstreams,
        step_up=True,
    ),
    Operation(
        "DELETE",
        "/splits/{domain}",
        _EDIT,
        "Ask the usual upstreams for a domain again",
        end_split,
        status=204,
        step_up=True,
    ),
)
