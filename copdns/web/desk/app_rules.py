"""Tell of rules about all sites of an app as of one: nobody made them one by one."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from copdns.household.changed_parts import changed_parts
from copdns.lists.find_app import KnownApp, app_of
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.sentences import Phrase, Sentence, sentence
from copdns.policy.typed_site import apps_of
from copdns.web.context import context_of
from copdns.web.wording import desk_wording


def tell_app_rules(action: RuleAction, app: str, whom: str | Phrase) -> Sentence:
    """Return what was done for all sites of an app.  app, whom: as people read them."""
    if action is RuleAction.ALLOW:
        return sentence("%(app)s is allowed for %(name)s, with all its sites", app=app, name=whom)
    return sentence("%(app)s is blocked for %(name)s, with all its sites", app=app, name=whom)


def tell_app_free(app: str) -> Sentence:
    """Return that no rule about an app is left.  app: as people read it."""
    return sentence("%(app)s has no site rule any more, so the other settings count", app=app)


def describe_app_rules(
    request: web.Request, before: Household, after: Household
) -> Sentence | None:
    """Return one sentence for a change that brought or removed the rules of an app, and did nothing
    else; None for any other change."""
    came = [each for each in after.rules if each not in before.rules]
    gone = [each for each in before.rules if each not in after.rules]
    if (came and gone) or any(each.part != "rules" for each in changed_parts(before, after)):
        return None
    app = _app_of_rules(request, after, came or gone)
    if app is None:
        return None
    called = desk_wording(request, after).app_name(app.title)
    if gone:
        return tell_app_free(called)
    person = after.profile(came[0].scope)
    whom = person.name if person else came[0].scope or Phrase("for", "everyone")
    return tell_app_rules(came[0].action, called, whom)


def _app_of_rules(
    request: web.Request, household: Household, rules: Sequence[Rule]
) -> KnownApp | None:
    """Return the app whose sites these rules are about, all alike and for the same people; None for
    none, and for one rule alone, which tells its site."""
    names = {each.target for each in rules}
    if len(names) < 2 or len({(each.action, each.scope) for each in rules}) > 1:
        return None
    apps = map(app_of, apps_of(household, context_of(request).snapshot().library))
    return next((each for each in apps if set(each.names) == names), None)
