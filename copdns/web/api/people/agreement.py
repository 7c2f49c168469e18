"""The family agreement about a child: the rules in force, and what both sides promise."""

from __future__ import annotations

from copdns.accounts.roles import Permission, may
from copdns.as_json.household import rule_json
from copdns.as_json.plain import plain, utc
from copdns.as_json.times import budget_json, schedule_json, texts
from copdns.model.household import Band, Contact, Default, PrivacyMode
from copdns.time.plan import in_scope
from copdns.web.api.operation import Call, Given, Operation
from copdns.web.api.people.rules import RuleShown
from copdns.web.api.time.times import BudgetShown, ScheduleShown
from copdns.web.api.types import Moment
from copdns.web.context import childs_page
from copdns.web.problem import Refused


class Agreement(Given):
    """always: open at every time.  rows_days, counts_days: how long names and counts are kept.
    answer_hours: within which an appeal is answered, by one of deciders.  door: the child's page.
    """

    at: Moment
    household: str
    profile: str
    name: str
    band: Band
    default: Default
    categories: list[str]
    services: list[str]
    contacts: list[Contact]
    contact_exceptions: list[str]
    bypass: bool
    bypass_signs: bool
    rules: list[RuleShown]
    schedules: list[ScheduleShown]
    budgets: list[BudgetShown]
    always: list[str]
    privacy: PrivacyMode
    rows_days: int
    counts_days: int
    answer_hours: int
    deciders: list[str]
    door: str


async def agreement(call: Call) -> object:
    """Return the agreement, which the dashboard prints in words for the child; only for
    children."""
    home, child, settings = call.household, call.person, call.context.settings()
    if not child.band_at(call.now).is_child:
        raise Refused(404, "There is no child of this id")
    accounts = await call.context.accounts.all(home.id)
    return {
        "at": utc(call.now),
        "household": home.name,
        "profile": child.id,
        "name": child.name,
        "band": child.band_at(call.now),
        "default": child.default,
        "categories": plain(child.categories),
        "services": plain(child.services),
        "contacts": plain(child.contacts),
        "contact_exceptions": plain(child.contact_exceptions),
        "bypass": child.bypass,
        "bypass_signs": child.notices_signs_at(call.now),
        "rules": [rule_json(each) for each in in_scope(home.rules, child)],
        "schedules": [schedule_json(each) for each in in_scope(home.schedules, child)],
        "budgets": [budget_json(each) for each in in_scope(home.budgets, child)],
        "always": texts(child.always),
        "privacy": child.privacy_at(call.now),
        "rows_days": call.context.log_settings.rows_days,
        "counts_days": settings.log.counts_days,
        "answer_hours": settings.appeals.target_hours,
        "deciders": [each.name for each in accounts if may(each, Permission.DECIDE_APPEALS)],
        "door": childs_page(call.request),
    }


OPERATIONS = (
    Operation(
        "GET",
        "/profiles/{profile}/agreement",
        Permission.SEE_PROFILES,
        "What a family's agreement about a child says",
        agreement,
        Agreement,
    ),
)
