"""A person's rules, and why a name is allowed or blocked for them, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from aiohttp import web

from copdns.accounts.roles import Permission, may
from copdns.dns.records import A
from copdns.household.rule_edits import add_rule, note_rule, remove_rule, set_rules
from copdns.list_files.facts import Facts
from copdns.list_files.load import find_needed_name
from copdns.lists.find_app import KnownApp, app_of, app_of_name, find_app, owners_of
from copdns.model.broad_networks import is_broad_network
from copdns.model.errors import HouseholdError, NameTextError
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.matchers import Matcher, parse_target
from copdns.model.names import display, host_of
from copdns.model.sentences import Phrase
from copdns.policy.decide import explain
from copdns.policy.service_state import name_state
from copdns.policy.typed_site import Apps, apps_of, read_site
from copdns.time.plan import in_scope
from copdns.web.browser_input import fields_of
from copdns.web.context import context_of
from copdns.web.desk.activity.entries import can_allow
from copdns.web.desk.app_rules import tell_app_free, tell_app_rules
from copdns.web.desk.form_mark import SEEN, unless_changed
from copdns.web.desk.page import page_to_show
from copdns.web.desk.person.page import PersonAccess, change, person_page, require_person
from copdns.web.notes import RulesForReason, split_app_rules
from copdns.web.time_view import time_view
from copdns.web.wording import desk_wording

MAX_NOTE = 300
EVERYONE = "everyone"

Fields = Mapping[str, Any]


async def rules(request: web.Request) -> web.Response:
    """Show the rules that apply to a person; with a name in the query also the decision about
    it."""
    found = await require_person(request, Permission.SEE_PROFILES)
    rules = sorted(in_scope(found.household.rules, found.profile), key=_scope_rank)
    of_apps, others = split_app_rules(rules, _apps(request, found))
    return await person_page(
        request,
        found,
        "desk/person_rules.html",
        rules=[*of_apps, *(RulesForReason((each,)) for each in others)],
        broad=frozenset(each.id for each in rules if is_broad_network(each.target)),
        needed=await asyncio.to_thread(_needed_names, rules, context_of(request).facts()),
        **_verdict_values(request, found),
    )


def _needed_names(rules: Iterable[Rule], facts: Facts) -> dict[str, str]:
    """Return what many sites need, by the id of the rule that blocks it."""
    found = {
        each.id: find_needed_name(each.target, facts)
        for each in rules
        if each.action is RuleAction.BLOCK and isinstance(each.target, Matcher)
    }
    return {rule_id: name for rule_id, name in found.items() if name}


def _host_or_text(typed: str) -> str:
    """Return the host of a URL that somebody pasted; any other text as it is."""
    return host_of(typed) if "://" in typed else typed


async def add(request: web.Request) -> web.Response:
    """Allow or block a name, for a person or for everyone."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    if (app := _named_app(request, found, fields)) is not None:
        await _add_for_app(request, found, fields, app)
    try:
        about = parse_target(_host_or_text(str(fields.get("target", "")).strip()[:300]))
    except NameTextError as error:
        raise error.for_field("target") from None
    action = _parse_action(fields)
    scope = _parse_scope(found, str(fields.get("for", "")))
    note = parse_note(str(fields.get("note", "")))
    page = page_to_show(str(fields.get("back", "")), f"{found.address}/rules")
    if _has_rule(found.household, scope, str(about), action):
        raise web.HTTPSeeOther(page)
    edit = partial(
        add_rule,
        action=action,
        text=str(about),
        known=context_of(request).known_ids(),
        scope=scope,
        over_security="over_security" in fields,
        unsafe_search="unsafe_search" in fields,
        note=note,
        created=int(context_of(request).now()),
    )
    what = f"rule added: {action} {about} for {scope or EVERYONE}"
    await change(request, found.actor, edit, what)
    raise web.HTTPSeeOther(page)


def _named_app(request: web.Request, found: PersonAccess, fields: Fields) -> KnownApp | None:
    """Return the app that a button names by its slug, or somebody by its name; None for a site."""
    apps = _apps(request, found)
    slug = str(fields.get("app", ""))
    if slug:
        return next((app_of(each) for each in apps if each.slug == slug), None)
    return find_app(str(fields.get("target", ""))[:300], apps)


async def _add_for_app(
    request: web.Request, found: PersonAccess, fields: Fields, app: KnownApp
) -> NoReturn:
    """Allow or block all sites of an app: with one of them alone it does not work, or not fully."""
    action, scope = _parse_action(fields), _parse_scope(found, str(fields.get("for", "")))
    edit = partial(
        set_rules,
        action=action,
        names=app.names,
        known=context_of(request).known_ids(),
        scope=scope,
        note=parse_note(str(fields.get("note", ""))),
        created=int(context_of(request).now()),
    )
    whom = scope or Phrase("for", "everyone")
    name = found.profile.name if scope == found.profile.id else whom
    called = desk_wording(request, found.household).app_name(app.title)
    what = f"rule added: {action} {app.title} for {scope or EVERYONE}"
    await change(request, found.actor, edit, what, said=tell_app_rules(action, called, name))
    raise web.HTTPSeeOther(page_to_show(str(fields.get("back", "")), f"{found.address}/rules"))


def _parse_action(fields: Fields) -> RuleAction:
    try:
        return RuleAction(str(fields.get("action", "")))
    except ValueError:
        raise HouseholdError("Choose “Allow” or “Block”", name="action") from None


async def change_note(request: web.Request) -> web.Response:
    """Change the note of a rule."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    fields = await fields_of(request)
    rule, typed = _find_rule(request, found), parse_note(str(fields.get("note", "")))
    if rule is None:
        raise web.HTTPNotFound
    note = desk_wording(request, found.household).note_to_keep(typed, rule.note)
    what = f"rule changed: new reason, {rule.target} for {rule.scope or EVERYONE}"
    edit = partial(note_rule, rule_id=rule.id, note=note)
    seen = str(fields.get(SEEN, ""))
    await change(request, found.actor, unless_changed(edit, seen, _by_id(rule.id)), what)
    raise web.HTTPSeeOther(f"{found.address}/rules")


async def remove(request: web.Request) -> web.Response:
    """Remove a rule, or all that were made for an app together with it; a second time is
    harmless."""
    found = await require_person(request, Permission.EDIT_PROFILES)
    rule = _find_rule(request, found)
    if rule is not None and "app" in await fields_of(request):
        await _remove_of_app(request, found, rule)
    elif rule is not None:
        what = f"rule removed: {rule.action} {rule.target} for {rule.scope or EVERYONE}"
        seen = str((await fields_of(request)).get(SEEN, ""))
        edit = unless_changed(partial(remove_rule, rule_id=rule.id), seen, _by_id(rule.id))
        await change(request, found.actor, edit, what)
    raise web.HTTPSeeOther(f"{found.address}/rules")


async def _remove_of_app(request: web.Request, found: PersonAccess, rule: Rule) -> None:
    mine = sorted(in_scope(found.household.rules, found.profile), key=_scope_rank)
    of_apps, _ = split_app_rules(mine, _apps(request, found))
    group = next((each for each in of_apps if rule in each.rules), None)
    if group is None:
        raise HouseholdError(
            "this was changed since you opened the page, so nothing was saved; open the page "
            "again to see how it is now"
        )
    gone = {each.id for each in group.rules}
    wording = desk_wording(request, found.household)
    app = wording.title("service", group.app)
    what = f"rule removed: {rule.action} {group.app} for {rule.scope or EVERYONE}"
    edit = partial(_without_rules, gone=gone)
    await change(request, found.actor, edit, what, said=tell_app_free(app))


def _without_rules(household: Household, gone: Collection[str]) -> Household:
    return replace(household, rules=tuple(e for e in household.rules if e.id not in gone))


def _apps(request: web.Request, found: PersonAccess) -> Apps:
    return apps_of(found.household, context_of(request).snapshot().library)


def _verdict_values(request: web.Request, found: PersonAccess) -> dict[str, Any]:
    """Return the decision about the name in the query, by the policy in force."""
    typed = request.query.get("name", "").strip()
    if not typed:
        return {"typed": "", "is_word": False, "name": "", "verdict": None, "steps": ()}
    context = context_of(request)
    view = time_view(context, found.household, found.actor)
    policy, now = view.policy(found.profile.id), view.now
    apps = _apps(request, found)
    site = read_site(typed, apps, policy, now)
    name = site.name
    values: dict[str, Any] = {"typed": typed, "is_word": site.is_word, "name": name}
    if not name:
        return {**values, "verdict": None, "steps": ()}
    steps = explain(policy, name, A, now)
    state = name_state(policy, name, now)
    verdict = state.verdict
    return {
        **values,
        "shown": display(name),
        "verdict": verdict,
        "state": state,
        "steps": steps,
        "app": app_of_name(name, owners_of(map(app_of, apps))),
        "can_allow": may(found.actor, Permission.EDIT_PROFILES, found.profile)
        and verdict.blocks
        and can_allow(verdict.reason, name),
    }


def _scope_rank(rule: Rule) -> int:
    """Return 0 for rules of the person, 1 for those of a tag, 2 for everyone's."""
    return 2 if not rule.scope else int(rule.scope.startswith("#"))


def _parse_scope(found: PersonAccess, chosen: str) -> str:
    """Return the scope of a rule: this person, a tag of theirs, or "" for everyone."""
    if chosen in {f"#{each}" for each in found.profile.tags}:
        return chosen
    if chosen in ("", EVERYONE, found.profile.id):
        return "" if chosen == EVERYONE else found.profile.id
    raise HouseholdError("Choose who the rule applies to")


def _find_rule(request: web.Request, found: PersonAccess) -> Rule | None:
    """Return the rule in the path; None unless it applies to this person."""
    mine = in_scope(found.household.rules, found.profile)
    return next((each for each in mine if each.id == request.match_info["rule"]), None)


def _by_id(rule_id: str) -> Callable[[Household], Rule | None]:
    return lambda household: next((each for each in household.rules if each.id == rule_id), None)


def _has_rule(household: Household, scope: str, about: str, action: RuleAction) -> bool:
    return any(
        (each.scope, str(each.target), each.action) == (scope, about, action)
        for each in household.rules
    )


def parse_note(typed: str) -> str:
    """Return a note on one line; raise HouseholdError where it is too long or not printable."""
    note = " ".join(typed.split())
    if len(note) > MAX_NOTE or not (note.isprintable() or not note):
        raise HouseholdError(
            "Enter a reason of at most %(most)s characters", name="note", most=MAX_NOTE
        )
    return note
