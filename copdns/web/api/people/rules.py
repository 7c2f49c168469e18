"""The rules of the household, and what happens to a name, and why."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from pydantic import Field

from copdns.accounts.roles import Permission
from copdns.as_json.check import Case, case_json
from copdns.as_json.household import rule_json
from copdns.as_json.services import service_state_json
from copdns.household.edit_checks import parse_field
from copdns.household.rule_edits import add_rule, note_rule, remove_rule
from copdns.model.household import RuleAction
from copdns.model.names import normalize
from copdns.model.record_types import qtype_number
from copdns.model.verdict import Action, Reason
from copdns.policy.decide import decide, explain
from copdns.policy.service_state import Extent, service_state
from copdns.policy.snapshot import Client
from copdns.time.plan import in_scope
from copdns.web.api.operation import Call, Given, Operation, Sent
from copdns.web.api.time.grants import GrantShown
from copdns.web.api.types import Id, Moment, Name, Scope, Text, When, parse_moment
from copdns.web.time_view import time_view


class RuleShown(Given):
    """for: a profile's id, "#tag", "" for everyone."""

    id: str
    action: RuleAction
    target: str
    scope: str = Field(alias="for")
    over_security: bool
    unsafe_search: bool
    note: str
    created: Moment | None


class RuleWanted(Sent):
    """target: games.example is the name and all below it, *.games.example all below it,
    =games.example the name alone, 198.51.100.0/24 answers that hold such an address.

    over_security, unsafe_search: of an allow only.  note: why; the child reads it.
    """

    action: RuleAction
    target: Name
    scope: Scope = Field("", alias="for")
    over_security: bool = False
    unsafe_search: bool = False
    note: Text = ""


class NoteSent(Sent):
    """note: why; the child reads it.  "" takes it away."""

    note: Text


class RulesAsked(Sent):
    """profile: only those that hold for one person."""

    profile: Id | None = None


async def rules(call: Call) -> object:
    """Return all rules, or those that apply to a profile; HouseholdError where there is no such."""
    query: RulesAsked = call.query
    found = call.household.rules
    if query.profile is not None:
        found = in_scope(found, call.profile_of(query.profile))
    return [rule_json(each) for each in found]


async def add(call: Call) -> object:
    """Add a rule; the same one twice is refused."""
    wanted: RuleWanted = call.body
    edit = partial(
        add_rule,
        action=wanted.action,
        text=wanted.target,
        known=call.context.known_ids(),
        scope=wanted.scope,
        over_security=wanted.over_security,
        unsafe_search=wanted.unsafe_search,
        note=wanted.note,
        created=call.now,
    )
    what = f"rule added: {wanted.action} {wanted.target} for {wanted.scope or 'everyone'}"
    after = await call.change(what, edit)
    return rule_json(after.rules[-1])


async def note(call: Call) -> object:
    """Change the note of a rule; another target or scope would be another rule."""
    body: NoteSent = call.body
    rule = call.find("rule", call.household.rules)
    what = f"rule changed: new reason, {rule.target} for {rule.scope or 'everyone'}"
    after = await call.change(what, partial(note_rule, rule_id=rule.id, note=body.note))
    return rule_json(call.find("rule", after.rules))


async def remove(call: Call) -> object:
    """Remove a rule; raise Refused (404)."""
    rule = call.find("rule", call.household.rules)
    what = f"rule removed: {rule.action} {rule.target} for {rule.scope or 'everyone'}"
    await call.change(what, partial(remove_rule, rule_id=rule.id))
    return None


# --- why ------------------------------------------------------------------------------------------


class VerdictShown(Given):
    """What a step says; all but action are left out where it says nothing."""

    action: Action | None
    reason: Reason | None = None
    text: str | None = None
    category: str | None = None
    service: str | None = None
    contact: str | None = None
    list: str | None = None
    list_version: str | None = None
    rule: str | None = None
    via: str | None = None
    target: str | None = None
    log_only: str | None = None
    period: str | None = None


class StepShown(VerdictShown):
    """What one step says of a name.  decides: it is the first that says anything."""

    number: int
    title: str
    decides: bool


class CaseShown(VerdictShown):
    """The whole decision about a name.  until: the first moment at which it may be another one.

    grace: minutes for which names that were in use stay open.  wrong_clock: the clock of the
    machine is surely wrong.
    """

    name: str
    type: str
    household: str
    profile: str
    device: str
    client: str
    at: Moment
    step: int
    until: Moment | None
    ends: str
    grants: list[GrantShown]
    ttl: int
    grace: int
    wrong_clock: bool
    steps: list[StepShown]


class CheckAsked(Sent):
    """type: A where nothing is said.  at: as at another time."""

    name: Name
    profile: Id
    type: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,10}$")] = "A"
    at: When | None = None


async def check(call: Call) -> object:
    """Decide about a name; nothing is looked up or recorded."""
    query: CheckAsked = call.query
    person = call.profile_of(query.profile)
    view = time_view(call.context, call.household, call.actor)
    name, qtype = normalize(query.name), parse_field(qtype_number, query.type)
    now = call.now if query.at is None else parse_moment(query.at)
    policy = view.policy(person.id)
    case = Case(
        name,
        qtype,
        now,
        view.snapshot.households[call.household.id],
        Client(call.household.id, "", policy),
        "",
        decide(policy, name, qtype, now),
        explain(policy, name, qtype, now),
        call.context.policy_inputs().clock_is_wrong,
    )
    return case_json(case)


class NextShown(Given):
    """What is decided from then on."""

    action: Action
    reason: Reason
    text: str


class ServiceStateShown(Given):
    """What can be done with a service now, by the decision itself.

    state: open, partly or blocked.  reason, text: of the decision about the first of its names that
    is blocked.  contact: the kind that blocks it, or that it is an exception from; else empty.
    until: when that changes, within a day; null: not by then.  A limit that may be used up is not
    foreseen.
    """

    id: str
    title: str
    state: Extent
    reason: Reason
    text: str
    contact: str
    until: Moment | None
    then: NextShown | None


async def service_states(call: Call) -> object:
    """Return what the person in the path can do with each service now."""
    view = time_view(call.context, call.household, call.actor)
    policy = view.policy(call.person.id)
    own = {each.slug: (each.title, each.names) for each in call.household.services}
    shipped = call.context.snapshot().library.services
    every = own | {
        slug: (each.title, each.matchers) for slug, each in shipped.items() if slug not in own
    }
    return [
        service_state_json(slug, title, service_state(policy, names, view.now))
        for slug, (title, names) in every.items()
    ]


OPERATIONS = (
    Operation(
        "GET",
        "/rules",
        Permission.SEE_PROFILES,
        "All rules",
        rules,
        list[RuleShown],
        query=RulesAsked,
    ),
    Operation(
        "POST",
        "/rules",
        Permission.EDIT_PROFILES,
        "Allow or block from now on",
        add,
        RuleShown,
        body=RuleWanted,
        status=201,
    ),
    Operation(
        "PATCH",
        "/rules/{rule}",
        Permission.EDIT_PROFILES,
        "Give a rule another reason",
        note,
        RuleShown,
        body=NoteSent,
    ),
    Operation(
        "DELETE", "/rules/{rule}", Permission.EDIT_PROFILES, "Remove a rule", remove, status=204
    ),
    Operation(
        "GET",
        "/check",
        Permission.SEE_PROFILES,
        "What happens to a name, step by step",
        check,
        CaseShown,
        query=CheckAsked,
    ),
    Operation(
        "GET",
        "/profiles/{profile}/services",
        Permission.SEE_PROFILES,
        "What somebody can do with each service now, and why",
        service_states,
        list[ServiceStateShown],
    ),
)
