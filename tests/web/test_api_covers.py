"""Whatever is done at the desk can be done by the API, or it is said why not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from copdns.web.api.table import OPERATIONS
from tests.web.access import every_route


@dataclass(frozen=True)
class Why:
    """Why no program does it; docs/api.md says so too."""

    text: str


LOGIN = Why("logging in is for people, and programs use a token")
OWN_KEYS = Why("passwords and two-step codes are entered by their owner, in a browser")

AT_ONCE = Why(
    "[undoing](accounts.md#undo) is for the person who did it, in the browser, and a program can "
    "do the opposite"
)
A_BROWSER = Why(
    "[notices](push.md) are turned on in the browser that gets them, and only it can ask for them"
)
A_BOX = Why("a [second box](second-box.md) is paired, and ended, by a person at the dashboard")
A_REVIEW = Why(
    "a person asks a [provider's reviewers](staff.md#the-reviewers-desk) whether a list is right"
)
A_SUBSCRIBER = Why(
    "people at the dashboard change the code of a [provider's](providers.md#pages) household"
)
TWO_HOMES = Why("people of [two homes](two-homes.md) agree, on the dashboard or by a command")
NOTHING_KEPT = Why("a plan is kept for no program, so there is nothing to drop")
A_PERSON = Why("a person decides what becomes of a damaged file, on the dashboard or by a command")

# By action of the desk: the operations that do the same, or why there is none.
BY_THE_API: dict[str, Why | tuple[str, ...]] = {
    "login": LOGIN,
    "logout": LOGIN,
    "setup": LOGIN,
    "join": LOGIN,
    "me/password": OWN_KEYS,
    "me/factor": OWN_KEYS,
    "me/factor/remove": OWN_KEYS,
    "me/sessions": ("mine.end_session", "mine.end_sessions"),
    "app/notices": A_BROWSER,
    "app/notices/remove": A_BROWSER,
    "app/notices/test": A_BROWSER,
    "me/family-code": A_SUBSCRIBER,
    "me/tokens": ("mine.make_token",),
    "me/digest": ("mine.choose_digest",),
    "me/digest/stop": ("mine.stop_digest",),
    "me/digest/test": Why("a person looks into their own mail, whether it came"),
    "me/tokens/remove": ("mine.remove_token",),
    "accounts": ("accounts.invite",),
    "accounts/{account}/code": ("accounts.code",),
    "accounts/{account}/remove": ("accounts.remove",),
    "notices": ("notices.see",),
    "repair": A_PERSON,
    "undo/{action}": AT_ONCE,
    # Steps of the wizard: zone, school, children, devices, helplines.
    "wizard/{step}": ("house.change", "profiles.add", "unknown.name"),
    "checks": ("checks.look",),
    "checks/confirm": ("checks.confirm",),
    "appeals/{appeal}/look": ("appeals.see",),
    "appeals/{appeal}/decide": ("appeals.decide",),
    "appeals/{appeal}/pass-on": A_REVIEW,
    "time/{person}/pause": ("pauses.pause",),
    "time/{person}/unpause": ("pauses.unpause",),
    "time/{person}/bedtime": ("bedtime.move", "bedtime.put_back"),
    "pause-everyone": ("pauses.pause",),
    "unpause-everyone": ("pauses.unpause",),
    "time/{person}/more": ("times.more",),
    "time/{person}/grants": ("grants.give",),
    "time/{person}/grants/{grant}/end": ("grants.end",),
    "time/{person}/suggest": ("times.suggested",),
    "time/{person}/schedules": ("times.add_schedule",),
    "time/{person}/schedules/{schedule}": ("times.set_schedule",),
    "time/{person}/schedules/{schedule}/remove": ("times.remove_schedule",),
    "time/{person}/budgets": ("times.add_budget",),
    "time/{person}/budgets/{budget}": ("times.set_budget",),
    "time/{person}/budgets/{budget}/remove": ("times.remove_budget",),
    "time/{person}/budgets/{budget}/bonus": ("times.bonus",),
    "calendar/days": ("calendar.set_days",),
    "calendar/weekend": ("calendar.set_weekend",),
    "calendar/day-start": ("calendar.set_day_start",),
    "calendar/import": ("calendar.take_file",),
    "tickets": ("tickets.make",),
    "tickets/{ticket}/remove": ("tickets.remove",),
    "people": ("profiles.add",),
    "people/{person}/answers": ("profiles.change",),
    "people/{person}/remove": ("profiles.remove", "kept.erase", "devices.change", "devices.remove"),
    "people/{person}/closed": ("profiles.change", "rules.add"),
    "people/{person}/search": ("profiles.change",),
    "people/{person}/preset": ("profiles.change", "proposals.accept"),
    "people/{person}/propose": ("proposals.propose",),
    "people/{person}/propose/drop": ("proposals.decline",),
    "people/{person}/age/confirm": ("profiles.confirm_age",),
    "people/{person}/rules": ("rules.add",),
    "people/{person}/rules/{rule}/note": ("rules.note",),
    "people/{person}/rules/{rule}/remove": ("rules.remove",),
    "people/{person}/kept": ("profiles.change",),
    "people/{person}/full-log": ("profiles.ask_full_log",),
    "people/{person}/full-log/stop": ("profiles.end_full_log",),
    "people/{person}/full-log/drop": ("profiles.end_full_log",),
    "people/{person}/open/{kind}": ("profiles.change",),
    "people/{person}/open/{kind}/remove": ("profiles.change",),
    "people/{person}/tags": ("profiles.change",),
    "people/{person}/export": ("kept.document",),
    "people/{person}/erase": ("kept.erase",),
    "lists/update": ("lists.update",),
    "lists/accept": ("lists.accept",),
    "lists/refuse": ("lists.refuse",),
    "lists/trial": ("lists.log_only",),
    "lists/rollback": ("lists.rollback",),
    "move-in": ("move_in.plan",),
    "move-in/{code}/ages": ("move_in.plan",),
    "move-in/{code}/store": ("move_in.bring",),
    "move-in/{code}/drop": NOTHING_KEPT,
    "lists/own": ("own_lists.add",),
    "lists/own/{list}": ("own_lists.change",),
    "lists/own/{list}/remove": ("own_lists.remove",),
    "facts/update": ("facts.update",),
    "facts/accept": ("facts.accept",),
    "facts/keep": ("facts.keep",),
    "facts/rollback": ("facts.rollback",),
    "guests": ("house.change", "profiles.add", "profiles.change"),
    "guests/filter": ("house.change",),
    "names/local": ("names.set_local",),
    "names/local/{name}": ("names.set_local",),
    "names/local/{name}/remove": ("names.remove_local",),
    "names/rewrites": ("names.rewrite",),
    "names/rewrites/{name}": ("names.rewrite",),
    "names/rewrites/{name}/remove": ("names.end_rewrite",),
    "homes": TWO_HOMES,
    "homes/look": TWO_HOMES,
    "homes/agree": TWO_HOMES,
    "homes/code": TWO_HOMES,
    "homes/{person}/end": TWO_HOMES,
    "boxes": A_BOX,
    "boxes/{box}/end": A_BOX,
    "names/servers": ("names.set_usual",),
    "names/servers/remove": ("names.end_usual",),
    "names/servers/try": ("names.try_servers",),
    "names/splits/{name}/try": ("names.try_servers",),
    "names/splits": ("names.split",),
    "names/splits/{name}": ("names.split",),
    "names/splits/{name}/remove": ("names.end_split",),
    "names/failures": ("house.change",),
    "names/services": ("house.add_own_service",),
    "names/services/{name}": ("house.set_own_service",),
    "names/services/{name}/remove": ("house.remove_own_service",),
    "targets/{target}/test": ("targets.test",),
    "devices": ("devices.add",),
    "devices/{device}/change": ("devices.change",),
    "devices/{device}/remove": ("devices.remove",),
    "devices/{device}/away": ("device_tokens.make",),
    "devices/{device}/tokens/{token}/revoke": ("device_tokens.revoke",),
    "devices/{device}/try": ("devices.begin_break",),
    "devices/{device}/try/end": ("devices.end_break",),
    "devices/{device}/let-in": ("pairings.let_in",),
    "pairings/{pairing}/revoke": ("pairings.revoke",),
    "unknown/{visitor}/name": ("unknown.name",),
    "unknown/{visitor}/guest": ("guests.let_in", "guests.refuse"),
    "unknown/{visitor}/ignore": ("unknown.ignore",),
    "unknown/{visitor}/show": ("unknown.show",),
    "guests/{guest}/end": ("guests.end",),
    "pins/{profile}": ("pairings.set_pin", "pairings.remove_pin"),
}


def actions() -> list[str]:
    below = "/guardian/"
    return [
        each.path.removeprefix(below)
        for each in every_route()
        if each.changes and each.path.startswith(below)
    ]


def test_every_action_of_the_desk_is_one_of_the_api_or_it_is_said_why_not() -> None:
    assert sorted(BY_THE_API) == sorted(actions())


def test_what_is_said_to_do_the_same_is_there_and_changes_something() -> None:
    there = {each.id: each for each in OPERATIONS}
    for action, of in BY_THE_API.items():
        for each in of if isinstance(of, tuple) else ():
            assert isinstance(each, str), action
            assert each in there, action
            assert not there[each].reads or each == "kept.document", action


def test_the_reasons_are_told_to_people(pytestconfig: pytest.Config) -> None:
    told = " ".join((pytestconfig.rootpath / "docs/api.md").read_text().split())
    for each in {of for of in BY_THE_API.values() if isinstance(of, Why)}:
        assert each.text in told
