"""Lines of the audit in a reader's language: ours are stored in English, and known again by form.

What is stored stays one text for the command line, the API and a copy of the database; a line that
none of these forms fits, such as one of a version to come, is shown as it is.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from copdns.model.sentences import Phrase, Sentence, Value, sentence
from copdns.words.child import category_name
from copdns.words.known_forms import Forms

_FORMS = Forms(
    sentence("calendar: %(first)s to %(last)s %(kind)s"),
    sentence("calendar: holidays from a file"),
    sentence("weekend: %(days)s"),
    sentence("device %(device)s changed"),
    sentence("device %(device)s changed: now %(who)s's"),
    sentence("device %(device)s removed"),
    sentence("device %(device)s is known by another MAC address"),
    sentence("a device added for %(who)s"),
    sentence("a device is %(who)s for a while"),
    sentence("a device was not let in"),
    sentence("a guest's time was ended"),
    sentence("unknown device %(device)s ignored"),
    sentence("unknown device %(device)s shown again"),
    sentence("browser paired with this device"),
    sentence("%(device)s: another browser may be paired"),
    sentence("%(device)s: a paired browser was removed"),
    sentence("%(who)s: PIN set"),
    sentence("%(who)s: PIN taken away"),
    sentence("set-up: zone, language and country"),
    sentence("set-up: names that stay open"),
    sentence("set-up: %(who)s added, %(band)s"),
    sentence("set-up: device %(device)s is %(who)s's"),
    sentence("set-up: %(count)s helplines vouched for"),
    sentence("set-up: %(step)s %(state)s"),
    sentence("set-up code made"),
    sentence("person added: %(who)s"),
    sentence("profile %(who)s removed"),
    sentence("profile %(who)s set: %(what)s"),
    sentence("profile %(who)s set: preset %(band)s"),
    sentence("profile %(who)s set: band %(band)s"),
    sentence("profile %(who)s set: band %(band)s proposed"),
    sentence("profile %(who)s set: full-log of %(days)s days"),
    sentence("profile %(who)s set: full-log ended"),
    sentence("created"),
    sentence("full log of %(days)s days asked of %(who)s"),
    sentence("full log not agreed to by %(who)s"),
    sentence("profile %(who)s erased: look-ups, minutes, appeals"),
    sentence("own log erased"),
    sentence("rule added: %(action)s %(what)s for %(who)s"),
    sentence("rule changed: the reason of %(what)s for %(who)s"),
    sentence("rule removed: %(action)s %(what)s for %(who)s"),
    sentence("%(count)s tickets of %(minutes)s minutes made for %(who)s"),
    sentence("ticket %(ticket)s removed"),
    sentence("ticket redeemed by %(who)s"),
    sentence("%(who)s paused until somebody ends it"),
    sentence("%(who)s paused until %(when)s"),
    sentence("%(who)s paused for homework until somebody ends it"),
    sentence("%(who)s paused for homework until %(when)s"),
    sentence("pause of %(who)s ended"),
    sentence("%(minutes)s more minutes for %(who)s (%(kind)s)"),
    sentence("%(kind)s of %(minutes)s minutes of %(what)s for %(who)s on %(day)s"),
    sentence("%(who)s may have %(what)s until %(when)s"),
    sentence("grant %(what)s ended"),
    sentence("schedule %(what)s added for %(who)s"),
    sentence("schedule %(what)s changed"),
    sentence("schedule %(what)s removed"),
    sentence("budget %(what)s added for %(who)s"),
    sentence("budget %(what)s changed"),
    sentence("budget %(what)s removed"),
    sentence("times suggested for %(band)s taken over for %(who)s"),
    sentence("local name %(name)s: %(addresses)s"),
    sentence("local name %(name)s removed"),
    sentence("rewrite of %(name)s: %(target)s"),
    sentence("rewrite of %(name)s removed"),
    sentence("split upstream for %(name)s: %(upstreams)s"),
    sentence("split upstream for %(name)s removed"),
    sentence("service %(service)s added"),
    sentence("service %(service)s changed"),
    sentence("service %(service)s removed"),
    sentence("test event sent to %(target)s"),
    sentence("appeal %(appeal)s of %(who)s: %(state)s"),
    sentence("account %(who)s added"),
    sentence("account %(who)s made %(role)s"),
    sentence("account %(who)s removed"),
    sentence("password of account %(who)s changed"),
    sentence("password set with a code"),
    sentence("logged in with a recovery code"),
    sentence("logged out everywhere"),
    sentence("second factor set up"),
    sentence("second factor taken away"),
    sentence("code made for account %(who)s"),
    sentence("token %(what)s made: %(scopes)s"),
    sentence("token %(what)s removed"),
)

# Values that are words of ours.
_WORDS = {
    each.text: each
    for each in (
        Phrase("in the audit", "a guest"),
        Phrase("in the audit", "adult"),
        Phrase("in the audit", "allow"),
        Phrase("in the audit", "alone"),
        Phrase("in the audit", "as it was"),
        Phrase("in the audit", "block"),
        Phrase("in the audit", "bonus"),
        Phrase("in the audit", "budgets"),
        Phrase("in the audit", "child"),
        Phrase("in the audit", "children"),
        Phrase("in the audit", "confirmed"),
        Phrase("in the audit", "credit"),
        Phrase("in the audit", "devices"),
        Phrase("in the audit", "done"),
        Phrase("in the audit", "door"),
        Phrase("in the audit", "everyone"),
        Phrase("in the audit", "everything"),
        Phrase("in the audit", "granted"),
        Phrase("in the audit", "helplines"),
        Phrase("in the audit", "holiday"),
        Phrase("in the audit", "lists"),
        Phrase("in the audit", "none"),
        Phrase("in the audit", "place"),
        Phrase("in the audit", "reached"),
        Phrase("in the audit", "refused"),
        Phrase("in the audit", "router"),
        Phrase("in the audit", "school"),
        Phrase("in the audit", "talk"),
        Phrase("in the audit", "usual"),
        Phrase("in the audit", "weekend"),
        Phrase("in the audit", "whoever has the code"),
    )
}


# What is changed of a person, by the name of its field.
_SETTINGS = {
    "name": sentence("Name"),
    "band": sentence("Age"),
    "categories": sentence("Categories"),
    "services": sentence("Services"),
    "contacts": sentence("Who can write to the child"),
    "canaries": sentence("A signal to devices"),
    "safe_search": sentence("Safe search"),
    "no_safe_search": sentence("Search engines without a safe mode"),
    "security": sentence("Harmful and fake pages"),
    "bypass": sentence("Ways round the rules"),
    "default": sentence("Everything else"),
    "privacy": sentence("What is kept"),
    "block_mode": sentence("How a block is answered"),
    "max_ttl": sentence("How long devices keep an answer"),
}

_CLOSED, _OPEN = sentence("closed"), sentence("open")
_OPEN_OR_CLOSED = {
    ("default", "allowlist"): _CLOSED,
    ("default", "allow"): _OPEN,
    **{(each, "on"): _CLOSED for each in ("security", "bypass", "no_safe_search")},
    **{(each, "off"): _OPEN for each in ("security", "bypass", "no_safe_search")},
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

    name_of: gives what somebody is called by the id of the profile; another text as it is.
    """
    return _FORMS.find(what, lambda name, text: _value(name, text, name_of))


def role(word: str) -> Sentence:
    """Return what somebody with a role is called; an unknown one as it is."""
    return _ROLES.get(word) or Sentence("%(role)s", {"role": word})


def _value(name: str, text: str, name_of: Callable[[str], str]) -> Value:
    if name == "role" and text in _ROLES:
        return _ROLES[text]
    if text in _WORDS:
        return _WORDS[text]
    if name == "what":
        return _settings(text) or text
    return name_of(text) if name == "who" else text


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
    return _OPEN_OR_CLOSED.get((setting, value), value)
