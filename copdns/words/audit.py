"""Lines of the audit in a reader's language: ours are stored in English, and known again by form.

What is stored stays one text for the command line, the API and a copy of the database; a line that
none of these forms fits, such as one of a version to come, is shown as it is.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from copdns.model.sentences import Phrase, Sentence, Value, plural_sentence, sentence
from copdns.model.undo_prefix import UNDONE
from copdns.words.desk import category_name
from copdns.words.known_forms import Forms

CODES = "%(num)d code for extra time (%(minutes)s) created for %(who)s"

# What more than one stored line says on a page.
_ONE_MORE = "for an hour, “This is my device” can be tapped in one more browser on %(device)s"
_HERE = (
    "someone tapped “This is my device” in a browser on this device, "
    "so it can show their own page now"
)
_ADDED = (
    "someone tapped “This is my device” in a browser on %(device)s, "
    "so it can show their own page now"
)
_SHOWS = "a browser on %(device)s now shows %(who)s's page"
_MAY_SHOW = (
    "one more browser on %(device)s was allowed to show %(who)s's page "
    "(if that page is opened in it within an hour)"
)
_SIGNED_OUT = "a browser on %(device)s no longer shows anyone's own page"
_ASKED = "asked if copdns may record every site that %(who)s opens, for %(num)d day"
_TIMES = "suggested bedtime and limits turned on for %(who)s (%(band)s)"

# Lines that are stored in other words than are shown: those of the version before, and those that
# keep the words of commands.
_FORMER = {
    "calendar: holidays from a file": "calendar: holidays imported from a file",
    "device %(device)s changed: now %(who)s's": "device %(device)s changed: now belongs to %(who)s",
    "device %(device)s is known by another MAC address": "device %(device)s has a new MAC address",
    "a device is %(who)s for a while": "a device given to %(who)s for a while",
    "a device assigned to %(who)s for a while": "a device given to %(who)s for a while",
    "a device was not let in": "a device was refused access",
    "a guest's time was ended": "a guest's access was ended",
    "browser paired with this device": _HERE,
    "browser linked to this device": _HERE,
    "browser paired with %(device)s": _ADDED,
    "browser linked to %(device)s": _ADDED,
    "%(device)s: another browser may be paired": _ONE_MORE,
    "%(device)s: another browser can be linked": _ONE_MORE,
    "%(device)s: a paired browser was removed": _SIGNED_OUT,
    "%(device)s: a linked browser was removed": _SIGNED_OUT,
    "browser linked to %(device)s for %(who)s": _SHOWS,
    "%(device)s: another browser can be linked for %(who)s": _MAY_SHOW,
    "%(device)s: a linked browser was removed for %(who)s": (
        "a browser on %(device)s no longer shows %(who)s's page"
    ),
    "%(who)s: PIN taken away": "%(who)s: PIN removed",
    "second box %(name)s: paired": "second copdns computer %(name)s: paired",
    "second box %(name)s: ended": "second copdns computer %(name)s: ended",
    "second box %(name)s: ended, since it fetched nothing for a week": (
        "second copdns computer %(name)s: ended, since it was not in touch for a week"
    ),
    "set-up: zone, language and country": "setup: time zone, language and country",
    "set-up: names that stay open": "setup: sites that are never blocked",
    "set-up: %(who)s added, %(band)s": "setup: %(who)s added, %(band)s",
    "set-up: device %(device)s is %(who)s's": "setup: device %(device)s belongs to %(who)s",
    "setup: device %(device)s assigned to %(who)s": "setup: device %(device)s belongs to %(who)s",
    "setup: a device added for %(who)s": "a device added for %(who)s",
    "set-up: %(num)s helplines vouched for": "setup: %(num)d helpline confirmed",
    "set-up: %(step)s %(state)s": "setup: %(step)s %(state)s",
    "set-up code made": "setup code created",
    "full log of %(num)s days asked of %(who)s": _ASKED,
    "full log of %(num)d day requested from %(who)s": _ASKED,
    "full log of %(num)d days requested from %(who)s": _ASKED,
    "full log not agreed to by %(who)s": "full log declined by %(who)s",
    "profile %(who)s erased: look-ups, minutes, appeals": (
        "records of %(who)s deleted (sites looked up, minutes, requests)"
    ),
    "profile %(who)s: records deleted (lookups, minutes, requests)": (
        "records of %(who)s deleted (sites looked up, minutes, requests)"
    ),
    "own log erased": "own log deleted",
    "two homes for %(who)s: file made": "two homes for %(who)s: message for the other home created",
    "rule changed: the reason of %(what)s for %(who)s": (
        "rule changed: new reason, %(what)s for %(who)s"
    ),
    "%(num)s tickets of %(minutes)s minutes made for %(who)s": CODES,
    "%(num)s tickets of %(minutes)s minutes created for %(who)s": CODES,
    "bonus of %(minutes)s minutes of %(what)s for %(who)s on %(day)s": (
        "extra time for %(who)s on %(day)s: %(minutes)s, %(what)s"
    ),
    "credit of %(minutes)s minutes of %(what)s for %(who)s on %(day)s": (
        "minutes given back to %(who)s on %(day)s: %(minutes)s, %(what)s"
    ),
    "ticket %(ticket)s removed": "code %(ticket)s cancelled",
    "ticket redeemed by %(who)s": "code for extra time used by %(who)s",
    "profile %(who)s set: preset %(band)s": (
        "settings of %(who)s: the usual ones for the age group %(band)s"
    ),
    "profile %(who)s set: %(what)s": "settings of %(who)s: %(what)s",
    "profile %(who)s removed": "person removed: %(who)s",
    "created": "household created",
    "%(who)s paused until somebody ends it": "%(who)s paused until someone ends it",
    "%(who)s paused for homework until somebody ends it": (
        "%(who)s paused for homework until someone ends it"
    ),
    "%(who)s may have %(what)s until %(when)s": "%(who)s can use %(what)s until %(when)s",
    "grant %(what)s ended": "temporary access ended",
    "temporary access %(what)s ended": "temporary access ended",
    "times suggested for %(band)s taken over for %(who)s": _TIMES,
    "times suggested for %(band)s applied for %(who)s": _TIMES,
    "split upstream for %(name)s: %(upstreams)s": (
        "conditional forwarding for %(name)s: %(upstreams)s"
    ),
    "split upstream for %(name)s removed": "conditional forwarding for %(name)s removed",
    "appeal %(appeal)s of %(who)s: %(state)s": "request from %(who)s: %(state)s",
    "request %(appeal)s from %(who)s: %(state)s": "request from %(who)s: %(state)s",
    "request %(appeal)s cancelled": "request cancelled",
    "request %(appeal)s allowed until it is answered": "request allowed until it is answered",
    "account %(who)s made %(role)s": "account %(who)s is now %(role)s",
    "second factor set up": "two-step verification turned on",
    "second factor taken away": "two-step verification turned off",
    "code made for account %(who)s": "code created for account %(who)s",
    "token %(what)s made: %(scopes)s": "token %(what)s created: %(scopes)s",
    "budget %(what)s added for %(who)s": "daily limit %(what)s added for %(who)s",
    "budget %(what)s changed": "daily limit %(what)s changed",
    "budget %(what)s removed": "daily limit %(what)s removed",
    "pause of %(who)s ended": "%(who)s's pause was ended",
    "times: all children paused until %(when)s": "all children paused until %(when)s",
    "times: pauses of all children ended": "pauses of all children ended",
    "profile %(who)s added": "person added: %(who)s",
    "profile %(who)s set: band %(band)s": "settings of %(who)s: age group %(band)s",
    "profile %(who)s set: band %(band)s proposed": (
        "settings of %(who)s: age group %(band)s planned"
    ),
    "profile %(who)s set: full-log of %(num)s days": "full log of %(num)d day for %(who)s",
    "profile %(who)s set: full-log ended": "full log for %(who)s ended",
}

_FORMS = Forms(
    sentence("calendar: %(first)s to %(last)s %(kind)s"),
    sentence("calendar: holidays imported from a file"),
    sentence("weekend: %(days)s"),
    sentence("a day of limits begins at %(time)s"),
    sentence("what applies when copdns cannot know something was changed"),
    sentence("device %(device)s added for %(who)s"),
    sentence("device %(device)s changed"),
    sentence("device %(device)s changed: now belongs to %(who)s"),
    sentence("device %(device)s removed"),
    sentence("device %(device)s has a new MAC address"),
    sentence("device %(device)s: everything but viruses and scam sites allowed until %(when)s"),
    sentence("device %(device)s: the test of the filter ended"),
    sentence("device %(device)s: token added"),
    sentence("device %(device)s: token revoked"),
    sentence("second copdns computer %(name)s: paired"),
    sentence("second copdns computer %(name)s: ended"),
    sentence("second copdns computer %(name)s: ended, since it was not in touch for a week"),
    sentence("two homes for %(who)s: message for the other home created"),
    sentence("two homes for %(who)s: agreed"),
    sentence("two homes for %(who)s: the other home agreed"),
    sentence("two homes for %(who)s: ended"),
    sentence("two homes for %(who)s: allowed again"),
    sentence("a device added for %(who)s"),
    sentence("a device given to %(who)s for a while"),
    sentence("a device was refused access"),
    sentence("a guest's access was ended"),
    sentence("unknown device %(device)s ignored"),
    sentence("unknown device %(device)s shown again"),
    sentence(
        "someone tapped “This is my device” in a browser on this device, "
        "so it can show their own page now"
    ),
    sentence(
        "someone tapped “This is my device” in a browser on %(device)s, "
        "so it can show their own page now"
    ),
    sentence("for an hour, “This is my device” can be tapped in one more browser on %(device)s"),
    sentence("a browser on %(device)s no longer shows anyone's own page"),
    sentence("a browser on %(device)s now shows %(who)s's page"),
    sentence(
        "one more browser on %(device)s was allowed to show %(who)s's page "
        "(if that page is opened in it within an hour)"
    ),
    sentence("a browser on %(device)s no longer shows %(who)s's page"),
    sentence("%(who)s: PIN set"),
    sentence("%(who)s: PIN removed"),
    sentence("%(who)s: the change before this was made with a PIN from a guardian"),
    sentence("%(who)s: objected to a linked browser or PIN"),
    sentence("household set: %(what)s"),
    sentence("setup: time zone, language and country"),
    sentence("setup: sites that are never blocked"),
    sentence("setup: %(who)s added, %(band)s"),
    sentence("setup: device %(device)s belongs to %(who)s"),
    plural_sentence("setup: %(num)d helpline confirmed", "setup: %(num)d helplines confirmed", 1),
    sentence("setup: %(step)s %(state)s"),
    sentence("setup code created"),
    sentence("person added: %(who)s"),
    sentence("person removed: %(who)s"),
    sentence("settings of %(who)s: %(what)s"),
    sentence("settings of %(who)s: the usual ones for the age group %(band)s"),
    sentence("settings of %(who)s: age group %(band)s"),
    sentence("settings of %(who)s: age group %(band)s planned"),
    sentence("age group %(band)s confirmed for %(who)s"),
    plural_sentence(
        "full log of %(num)d day for %(who)s", "full log of %(num)d days for %(who)s", 1
    ),
    sentence("full log for %(who)s ended"),
    sentence("household created"),
    plural_sentence(
        "asked if copdns may record every site that %(who)s opens, for %(num)d day",
        "asked if copdns may record every site that %(who)s opens, for %(num)d days",
        1,
    ),
    sentence("full log declined by %(who)s"),
    sentence("records of %(who)s deleted (sites looked up, minutes, requests)"),
    sentence("own log deleted"),
    sentence("rule added: %(action)s %(what)s for %(who)s"),
    sentence("rule changed: new reason, %(what)s for %(who)s"),
    sentence("rule removed: %(action)s %(what)s for %(who)s"),
    plural_sentence(
        "%(num)d code for extra time (%(minutes)s) created for %(who)s",
        "%(num)d codes for extra time (%(minutes)s each) created for %(who)s",
        1,
    ),
    sentence("code %(ticket)s cancelled"),
    sentence("code for extra time used by %(who)s"),
    sentence("%(who)s paused until someone ends it"),
    sentence("%(who)s paused until %(when)s"),
    sentence("%(who)s paused for homework until someone ends it"),
    sentence("%(who)s paused for homework until %(when)s"),
    sentence("%(who)s's pause was ended"),
    sentence("all children paused until %(when)s"),
    sentence("pauses of all children ended"),
    sentence("tonight's bedtime of %(who)s at %(when)s"),
    sentence("tonight's bedtime of %(who)s as usual"),
    plural_sentence(
        "%(num)d more minute for %(who)s (%(kind)s)",
        "%(num)d more minutes for %(who)s (%(kind)s)",
        1,
    ),
    sentence("extra time for %(who)s on %(day)s: %(minutes)s, %(what)s"),
    sentence("minutes given back to %(who)s on %(day)s: %(minutes)s, %(what)s"),
    sentence("%(who)s can use %(what)s until %(when)s"),
    sentence("temporary access ended"),
    sentence("schedule %(what)s added for %(who)s"),
    sentence("schedule %(what)s changed"),
    sentence("schedule %(what)s removed"),
    sentence("daily limit %(what)s added for %(who)s"),
    sentence("daily limit %(what)s changed"),
    sentence("daily limit %(what)s removed"),
    sentence("suggested bedtime and limits turned on for %(who)s (%(band)s)"),
    sentence("local name %(name)s: %(addresses)s"),
    sentence("local name %(name)s removed"),
    sentence("rewrite of %(name)s: %(target)s"),
    sentence("rewrite of %(name)s removed"),
    sentence("conditional forwarding for %(name)s: %(upstreams)s"),
    sentence("conditional forwarding for %(name)s removed"),
    sentence("DNS servers: as this computer was given"),
    sentence("DNS servers: %(upstreams)s"),
    sentence("DNS servers tried: %(upstreams)s"),
    sentence("service %(service)s added"),
    sentence("service %(service)s changed"),
    sentence("service %(service)s removed"),
    sentence("list %(name)s: new version accepted; in use: %(what)s"),
    sentence("list %(name)s: new version refused; in use: %(what)s"),
    sentence("list %(name)s: back to an earlier version; in use: %(what)s"),
    sentence("moved in from %(what)s"),
    sentence("own list %(name)s added"),
    sentence("own list %(name)s changed"),
    sentence("own list %(name)s removed"),
    sentence("test event sent to %(target)s"),
    sentence("request from %(who)s: %(state)s"),
    sentence("request cancelled"),
    sentence("request allowed until it is answered"),
    sentence("weekly summary by email turned on"),
    sentence("weekly summary by email turned off"),
    sentence("account %(who)s added"),
    sentence("account %(who)s is now %(role)s"),
    sentence("account %(who)s removed"),
    sentence("password of account %(who)s changed"),
    sentence("password set with a code"),
    sentence("logged in with a recovery code"),
    sentence("logged out everywhere"),
    sentence("two-step verification turned on"),
    sentence("two-step verification turned off"),
    sentence("code created for account %(who)s"),
    sentence("family code changed"),
    sentence("family filter on: rules of %(who)s"),
    sentence("family filter on"),
    sentence("family filter off"),
    sentence("token %(what)s created: %(scopes)s"),
    sentence("token %(what)s removed"),
    sentence("household.db made from its copy"),
    sentence("household.db taken as it is, although it was not what was saved last"),
    former=_FORMER,
)

# Values that are words of ours.
_WORDS = {
    each.text: each
    for each in (
        Phrase("in the audit", "a guest"),
        Phrase("in the audit", "adult"),
        Phrase("in the audit", "allow"),
        Phrase("in the audit", "allowed"),
        Phrase("in the audit", "allowed in part"),
        Phrase("in the audit", "alone"),
        Phrase("in the audit", "unchanged"),
        Phrase("in the audit", "block"),
        Phrase("in the audit", "bonus"),
        Phrase("in the audit", "budgets"),
        Phrase("in the audit", "child"),
        Phrase("in the audit", "children"),
        Phrase("in the audit", "confirmed"),
        Phrase("in the audit", "credit"),
        Phrase("in the audit", "daily limit"),
        Phrase("in the audit", "devices"),
        Phrase("in the audit", "done"),
        Phrase("in the audit", "children's page"),
        Phrase("in the audit", "everyone"),
        Phrase("in the audit", "everything"),
        Phrase("in the audit", "helplines"),
        Phrase("in the audit", "holiday"),
        Phrase("in the audit", "lists"),
        Phrase("in the audit", "none"),
        Phrase("in the audit", "not allowed"),
        Phrase("in the audit", "household"),
        Phrase("in the audit", "internet off later"),
        Phrase("in the audit", "reached"),
        Phrase("in the audit", "router"),
        Phrase("in the audit", "school"),
        Phrase("in the audit", "to talk about"),
        Phrase("in the audit", "usual"),
        Phrase("in the audit", "weekend"),
        Phrase("in the audit", "anyone with the code"),
    )
}
# As they are stored: those of the version before, states of requests, and the keys of steps of the
# setup.
_WORDS |= {
    stored: _WORDS[shown]
    for stored, shown in (
        ("as it was", "unchanged"),
        ("door", "children's page"),
        ("granted", "allowed"),
        ("limited", "allowed in part"),
        ("refused", "not allowed"),
        ("talk", "to talk about"),
        ("place", "household"),
        ("whoever has the code", "anyone with the code"),
    )
}

# What more minutes were given of.
_MORE = {
    "later": _WORDS["internet off later"],
    "minutes": _WORDS["daily limit"],
    "open": _WORDS["everything"],
}

# What is changed of a person, by the name of its field.
_SETTINGS = {
    "name": sentence("Name"),
    "band": sentence("Age"),
    "categories": sentence("Categories"),
    "services": sentence("Apps and services"),
    "contacts": sentence("Who can send messages"),
    "contact_exceptions": sentence("Allowed although messages are possible there"),
    "canaries": sentence("Network signal"),
    "safe_search": sentence("Safe search"),
    "no_safe_search": sentence("Search engines without safe search"),
    "security": sentence("Viruses and scam sites"),
    "bypass": sentence("Ways to get around the filter"),
    "bypass_signs": sentence("Signs that a device is not using the filter"),
    "default": sentence("All other sites"),
    "privacy": sentence("Privacy"),
    "block_mode": sentence("What a device is told when a site is blocked (technical)"),
    "max_ttl": sentence("How soon devices notice a change"),
    "timezone": sentence("Time zone"),
}

_BLOCKED, _ALLOWED = Phrase("site", "blocked"), Phrase("site", "allowed")
_BLOCKED_OR_ALLOWED = {
    ("default", "allowlist"): _BLOCKED,
    ("default", "allow"): _ALLOWED,
    **{(each, "on"): _BLOCKED for each in ("security", "bypass", "no_safe_search")},
    **{(each, "off"): _ALLOWED for each in ("security", "bypass", "no_safe_search")},
    ("bypass_signs", "on"): Phrase("setting", "on"),
    ("bypass_signs", "off"): Phrase("setting", "off"),
}

_ROLES = {
    "owner": sentence("a guardian"),
    "guardian": sentence("a guardian"),
    "reviewer": sentence("a reviewer"),
    "auditor": sentence("an auditor"),
    "child": sentence("a child"),
}


def line(what: str, name_of: Callable[[str], str]) -> Sentence | None:
    """Return a stored line as a sentence of the catalogue; None for none of ours.

    name_of: gives what somebody or a device is called by its id; another text as it is.
    """
    if what.startswith(UNDONE):
        undone = what.removeprefix(UNDONE)
        return sentence("undone: %(what)s", what=line(undone, name_of) or undone)
    return _FORMS.find(what, lambda name, text: _value(name, text, name_of))


def role(word: str) -> Sentence:
    """Return what somebody with a role is called; an unknown one as it is."""
    return _ROLES.get(word) or Sentence("%(role)s", {"role": word})


def _value(name: str, text: str, name_of: Callable[[str], str]) -> Value:
    if name == "role" and text in _ROLES:
        return _ROLES[text]
    if text in _WORDS:
        return _WORDS[text]
    if name == "kind" and text in _MORE:
        return _MORE[text]
    if name == "minutes" and text.isdecimal():
        return plural_sentence("%(num)d minute", "%(num)d minutes", int(text))
    if name == "what":
        return _settings(text) or text
    if name == "band" and text not in _WORDS:
        return _ages(text)
    return name_of(text) if name in ("who", "device") else text


def _ages(band: str) -> Value:
    """Return an age group ("7-9") in words; one that is no span of years as it is."""
    first, _, last = band.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        return band
    if first == "0":
        return sentence("Under %(age)s", age=str(int(last) + 1))
    return sentence("%(first)s to %(last)s years", first=first, last=last)


def _settings(text: str) -> Sentence | None:
    """Return changes of settings ("categories +games, bypass on") with their names as on the
    pages; None for what is none."""
    parts = [each.partition(" ") for each in text.split(", ")]
    if not all(setting in _SETTINGS for setting, _, _ in parts):
        return None
    values: dict[str, Value] = {}
    for at, (setting, _, value) in enumerate(parts):
        values |= {f"s{at}": _SETTINGS[setting], f"v{at}": _set_to(setting, value)}
    texts = (f"%(s{at})s" + (f" (%(v{at})s)" if each[2] else "") for at, each in enumerate(parts))
    return Sentence(", ".join(texts), values)


def _set_to(setting: str, value: str) -> Value:
    """Return what a setting became, in words where it is one of ours."""
    sign, category = value[:1], category_name(value[1:])
    if setting == "categories" and category:
        return Sentence(f"{sign}%(category)s", {"category": category})
    return _BLOCKED_OR_ALLOWED.get((setting, value), value)
