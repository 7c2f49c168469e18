"""What the staff's pages say of the values that operations answer with, in a reader's language.

Operations answer in JSON, which is the same for everybody; here its closed lists get their words.
Moments are told in UTC, as the staff of a provider may sit in several time zones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from copdns.provider.law.register import STATE_WORDS
from copdns.provider.law.statement import utc_seconds
from copdns.provider.staff.duties import ROLE_WORDS
from copdns.web.staff.checklist_words import CHECKLIST_WORDS
from copdns.web.staff.rollout_reasons import tell_reason
from copdns.words import child, desk
from copdns.words.phrases import Phrase, Phrases
from copdns.words.site_review import DECISIONS, WHY_WRONG

WORDS: Final[Mapping[str, Mapping[str, Phrase]]] = {
    "page": {
        "/staff/me": Phrase("page of the staff", "To do"),
        "/staff/desk": Phrase("page of the staff", "List reviews"),
        "/staff/orders": Phrase("page of the staff", "Orders"),
        "/staff/security": Phrase("page of the staff", "Security"),
        "/staff/preservations": Phrase("page of the staff", "Preservation"),
        "/staff/rollouts": Phrase("page of the staff", "Rollouts"),
        "/staff/statement": Phrase("page of the staff", "Statement"),
        "/staff/entries": Phrase("page of the staff", "Register"),
        "/staff/people": Phrase("page of the staff", "Staff"),
        "/staff/checklist": Phrase("page of the staff", "Checklist"),
    },
    "role": {str(role): phrase for role, phrase in ROLE_WORDS.items()},
    "duty": {
        "see_status": Phrase("duty of staff", "see that copdns runs"),
        "see_register": Phrase("duty of staff", "read the register"),
        "see_confidential": Phrase("duty of staff", "read names of confidential orders"),
        "keep_register": Phrase("duty of staff", "keep the register"),
        "decide_holds": Phrase("duty of staff", "decide about protected names"),
        "manage_staff": Phrase("duty of staff", "manage the staff"),
        "see_desk": Phrase("duty of staff", "read cases about lists"),
        "decide_desk": Phrase("duty of staff", "decide about lists"),
        "see_figures": Phrase("duty of staff", "read figures and reports"),
    },
    "state": {
        **{str(state): phrase for state, phrase in STATE_WORDS.items()},
        "waiting": Phrase("state of a case", "waits"),
        "second": Phrase("state of a case", "waits for the second reviewer"),
        "opened": Phrase("state of a case", "taken off the list"),
        "refused": Phrase("state of a case", "the list is right"),
    },
    "why a list is wrong": WHY_WRONG,
    "decision": DECISIONS,
    "origin": {
        "guardian": Phrase("who asks", "a guardian, from a request in their family"),
        "site_owner": Phrase("who asks", "the public"),
        "staff": Phrase("who asks", "the staff"),
    },
    "record": {
        "bindings": Phrase("to preserve", "which line had an address"),
        "orders": Phrase("to preserve", "the register of orders"),
        "decisions": Phrase("to preserve", "decisions about lists"),
    },
    "by hand": {
        "security": Phrase("a name by hand", "blocked as dangerous"),
        "anchor": Phrase("a name by hand", "answered without validation"),
    },
    "rollout": {
        "lists": Phrase("kind of a rollout", "lists"),
        "configuration": Phrase("kind of a rollout", "configuration"),
        "package": Phrase("kind of a rollout", "package"),
        "schema": Phrase("kind of a rollout", "schema"),
    },
    "stage": {
        "canary": Phrase("stage of a rollout", "on canary nodes"),
        "site": Phrase("stage of a rollout", "at their sites"),
        "all": Phrase("stage of a rollout", "on all nodes"),
        "done": Phrase("stage of a rollout", "on all nodes, done"),
    },
    "state of a rollout": {
        "going": Phrase("state of a rollout", "goes on"),
        "stopped": Phrase("state of a rollout", "stopped"),
        "undone": Phrase("state of a rollout", "undone"),
    },
    "entry": {
        "operator described": Phrase("line of the register", "operator described"),
        "tenant added": Phrase("line of the register", "tenant added"),
        "portal key set": Phrase("line of the register", "key of a portal set"),
        "staff added": Phrase("line of the register", "staff added or changed"),
        "staff removed": Phrase("line of the register", "staff removed"),
        "order entered": Phrase("line of the register", "order entered"),
        "order confirmed": Phrase("line of the register", "order confirmed"),
        "order withdrawn": Phrase("line of the register", "order withdrawn"),
        "hold decided": Phrase("line of the register", "decision about a protected name"),
        "name added": Phrase("line of the register", "name added by hand"),
        "name confirmed": Phrase("line of the register", "name confirmed"),
        "name withdrawn": Phrase("line of the register", "name withdrawn"),
        "feed taken": Phrase("line of the register", "version of a feed taken in"),
        "preservation entered": Phrase("line of the register", "preservation request entered"),
        "preservation confirmed": Phrase("line of the register", "preservation request confirmed"),
        "preservation ended": Phrase("line of the register", "preservation request ended"),
        "family opened": Phrase("line of the register", "family layer opened for all"),
        "family closed": Phrase("line of the register", "family layer blocks again"),
        "register restored": Phrase("line of the register", "register restored"),
    },
    # Of the report: names of its fields, at any depth.
    "figure": {
        "format": Phrase("figure", "Format"),
        "quarter": Phrase("figure", "Quarter"),
        "made": Phrase("figure", "Made"),
        "operator": Phrase("figure", "Operator"),
        "tenant": Phrase("figure", "Tenant"),
        "id": Phrase("figure", "Id"),
        "name": Phrase("figure", "Name"),
        "country": Phrase("figure", "Country"),
        "contact": Phrase("figure", "Contact"),
        "register": Phrase("figure", "Register"),
        "entries": Phrase("figure", "Lines"),
        "checksum": Phrase("figure", "Checksum"),
        "legal_orders": Phrase("figure", "Legal orders"),
        "entered": Phrase("figure", "Entered"),
        "in_force": Phrase("figure", "In force"),
        "ended": Phrase("figure", "Ended"),
        "withdrawn": Phrase("figure", "Withdrawn"),
        "confidential_in_force": Phrase("figure", "Confidential and in force"),
        "held_names": Phrase("figure", "Protected names held"),
        "held_open": Phrase("figure", "Of these, decided to stay open"),
        "held_blocked": Phrase("figure", "Of these, decided to be blocked"),
        "held_overdue": Phrase("figure", "Of these, decided late or not yet"),
        "by_hand": Phrase("figure", "Names added by hand"),
        "blocked": Phrase("figure", "Blocked as dangerous"),
        "unvalidated": Phrase("figure", "Answered without validation"),
        "why": Phrase("figure", "Reason"),
        "since": Phrase("figure", "Since"),
        "until": Phrase("figure", "Until"),
        "feeds": Phrase("figure", "Feeds"),
        "feed": Phrase("figure", "Feed"),
        "source": Phrase("figure", "Source"),
        "version": Phrase("figure", "Version"),
        "names": Phrase("figure", "Names"),
        "preservation_requests": Phrase("figure", "Preservation requests"),
        "disputes": Phrase("figure", "Requests for review"),
        "received": Phrase("figure", "Received"),
        "accepted": Phrase("figure", "The list was wrong"),
        "refused": Phrase("figure", "The list was right"),
        "overdue": Phrase("figure", "Decided late or not yet"),
        "median_hours": Phrase("figure", "Median time to the decision, in hours"),
        "family_open_for_all": Phrase("figure", "Family layer open for all"),
        "blocks_by_layer": Phrase("figure", "Blocks by layer"),
        "law": Phrase("figure", "Law"),
        "security": Phrase("figure", "Security"),
        "family": Phrase("figure", "Families"),
        "blocks_by_category": Phrase("figure", "Blocks by category"),
        "subscribers_with_filtering": Phrase("figure", "Subscribers with filtering"),
        "complaints": Phrase("figure", "Complaints"),
        "outages": Phrase("figure", "Outages"),
        "retention": Phrase("figure", "How long records are kept"),
        "bindings": Phrase("figure", "Which line had an address"),
        "look-ups": Phrase("figure", "Lookups"),
        "legal orders": Phrase("figure", "Legal orders"),
        "decisions about lists": Phrase("figure", "Decisions about lists"),
    },
    # By the texts of RETENTION, which are signed as they are.
    "retention": {
        "as long as the session lasts": Phrase("how long", "as long as the session lasts"),
        "a day at most, as each family chose": Phrase(
            "how long", "a day at most, as each family chose"
        ),
        "as long as the register": Phrase("how long", "as long as the register"),
        "two years": Phrase("how long", "two years"),
    },
    **CHECKLIST_WORDS,
}
_MOMENTS: Final = frozenset({"made", "since", "until"})
_RETENTION: Final = frozenset({"bindings", "look-ups", "legal orders", "decisions about lists"})


class StaffWording:
    """The words for one page."""

    def __init__(self, phrases: Phrases) -> None:
        self.phrases = phrases

    def word(self, about: str, value: str) -> str:
        """Return what a value of a closed list is called; about: a list of WORDS."""
        return self.phrases.pgettext(*WORDS[about][value])

    def words(self, about: str) -> list[tuple[str, str]]:
        """Return all values of a closed list, each with its words."""
        return [(value, self.word(about, value)) for value in WORDS[about]]

    def step_reason(self, step: Mapping[str, Any]) -> str:
        """Return why a step of a rollout was taken: what a person wrote is as it was written."""
        because = step["because"]
        return tell_reason(because["code"], because, self.phrases) if because else step["why"]

    def moment(self, text: str) -> str:
        """Return a moment as people write it.  text: in UTC, such as 2026-11-24T18:00:00Z."""
        return self.phrases.moment(utc_seconds(text), "UTC")

    def number(self, value: float) -> str:
        """Return a number as people write it."""
        return self.phrases.number(value)

    def country(self, code: str) -> str:
        """Return the name of a country; the letters where they are none that is known."""
        return self.phrases.country(code)

    def category(self, slug: str) -> str:
        """Return what the public calls a category, in every language; its slug for another one."""
        found = child.category_name(slug)
        return self.phrases.pgettext(*found) if found else slug

    def figure(self, name: str, part: str = "") -> str:
        """Return what a field of a report is called.  part: the one that it stands in."""
        if part == "blocks_by_category":
            found = desk.category_name(name)
        else:
            found = WORDS["figure"].get(name)
        return self.phrases.pgettext(*found) if found else name.replace("_", " ")

    def value(self, value: str | float, name: str) -> str:
        """Return what stands in a field of a report.  name: of the field."""
        if not isinstance(value, str):
            return self.number(value)
        if name in _RETENTION:
            return self.word("retention", value)
        if name == "country":
            return self.country(value)
        return self.moment(value) if name in _MOMENTS else value
