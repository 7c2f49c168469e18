"""A person's own rules, and why a name is open or closed for them, step by step."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from copdns.accounts.roles import Permission
from copdns.dns.records import A
from copdns.household.edits import add_rule, note_rule, remove_rule
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.matchers import parse_target
from copdns.model.names import display, host_of, name_of
from copdns.policy.decide import decide, explain
from copdns.policy.order import rules_in_scope
from copdns.web.context import context_of
from copdns.web.desk.person.page import Found, change, person_page, the_person
from copdns.web.received import fields_of

LONGEST_NOTE = 300
EVERYONE = "everyone"


async def rules(request: web.Request) -> web.Response:
    """The rules that hold for somebody; with a name also why it is open or closed."""
    found = await the_person(request, Permission.SEE_PROFILES)
    return person_page(
        request,
        found,
        "desk/person_rules.html",
        rules=sorted(rules_in_scope(found.profile, found.household.rules), key=_how_many),
        **_why(request, found),
    )


def _without_way(typed: str) -> str:
    """Return what a rule can be about, where the whole address of a page was pasted."""
    return host_of(typed) if "://" in typed else typed


async def add(request: web.Request) -> web.Response:
    """Allow or block a name, for somebody or for everyone."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    try:
        action = RuleAction(str(fields.get("action", "")))
        about = parse_target(_without_way(str(fields.get("target", "")).strip()[:300]))
    except NameTextError as error:
        raise error.for_field("target") from None
    except ValueError:
        raise HouseholdError(
            "Write a name, such as games.example, and choose", name="target"
        ) from None
    scope = _scope(found, str(fields.get("for", "")))
    note = note_in(str(fields.get("note", "")))
    if _there(found.household, scope, str(about), action):
        raise web.HTTPSeeOther(f"{found.address}/rules")
    edit = partial(
        add_rule,
        action=action,
        text=str(about),
        known=context_of(request).known(),
        scope=scope,
        over_security="over_security" in fields,
        unsafe_search="unsafe_search" in fields,
        note=note,
        created=int(context_of(request).now()),
    )
    what = f"rule added: {action} {about} for {scope or EVERYONE}"
    await change(request, found.actor, edit, what)
    raise web.HTTPSeeOther(f"{found.address}/rules")


async def change_note(request: web.Request) -> web.Response:
    """Give a rule another reason."""
    found, fields = await the_person(request, Permission.EDIT_PROFILES), await fields_of(request)
    rule, note = _own(request, found), note_in(str(fields.get("note", "")))
    if rule is None:
        raise web.HTTPNotFound
    what = f"rule changed: the reason of {rule.target} for {rule.scope or EVERYONE}"
    await change(request, found.actor, partial(note_rule, rule_id=rule.id, note=note), what)
    raise web.HTTPSeeOther(f"{found.address}/rules")


async def remove(request: web.Request) -> web.Response:
    """Take a rule away; one that is gone already is gone."""
    found = await the_person(request, Permission.EDIT_PROFILES)
    rule = _own(request, found)
    if rule is not None:
        what = f"rule removed: {rule.action} {rule.target} for {rule.scope or EVERYONE}"
        await change(request, found.actor, partial(remove_rule, rule_id=rule.id), what)
    raise web.HTTPSeeOther(f"{found.address}/rules")


def _why(request: web.Request, found: Found) -> dict[str, Any]:
    """Return what is decided about the name in the address, from the policy that is in force."""
    typed = request.query.get("name", "").strip()
    name, parts = name_of(typed), context_of(request)
    values: dict[str, Any] = {"typed": typed, "name": name, "shown": display(name)}
    policies = parts.live().policies
    if not name or (found.household.id, found.profile.id) not in policies:
        return {**values, "verdict": None, "steps": ()}
    policy, now = parts.live().policy(found.household.id, found.profile.id), parts.now()
    steps = explain(policy, name, A, now)
    return {**values, "verdict": decide(policy, name, A, now), "steps": steps}


def _how_many(rule: Rule) -> int:
    """Return a rule's place: the person's own first, then those of tags, then everyone's."""
    return 2 if not rule.scope else int(rule.scope.startswith("#"))


def _scope(found: Found, chosen: str) -> str:
    """Return for whom a rule is: this person, all with a tag of theirs, or everyone."""
    if chosen in {f"#{each}" for each in found.profile.tags}:
        return chosen
    if chosen in ("", EVERYONE, found.profile.id):
        return "" if chosen == EVERYONE else found.profile.id
    raise HouseholdError("Choose for whom the rule is")


def _own(request: web.Request, found: Found) -> Rule | None:
    """Return the rule that the address names, if it holds for this person."""
    mine = rules_in_scope(found.profile, found.household.rules)
    return next((each for each in mine if each.id == request.match_info["rule"]), None)


def _there(household: Household, scope: str, about: str, action: RuleAction) -> bool:
    return any(
        (each.scope, str(each.target), each.action) == (scope, about, action)
        for each in household.rules
    )


def note_in(typed: str) -> str:
    """Read a reason, on one line; raise HouseholdError for one too long or not printable."""
    note = " ".join(typed.split())
    if len(note) > LONGEST_NOTE or not (note.isprintable() or not note):
        raise HouseholdError(
            "Write a reason of at most %(most)s letters", name="note", most=LONGEST_NOTE
        )
    return note
