"""What tests of appeals have in common: a family with something closed, and what it asks about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from copdns.appeals.appeal import (
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    Decider,
    WantedLength,
    contest,
)
from copdns.appeals.opening import ApprovalTerms, Decision
from copdns.appeals.review import DecisionReason
from copdns.household.check import KnownIds
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Household, Rule, RuleAction
from copdns.model.matchers import parse_matcher
from copdns.model.times import Budget, Schedule, Slot, Topic, TopicKind
from copdns.model.verdict import Action, Reason, Verdict
from copdns.time.days import budget_day, zone_of
from tests.household import MIA, NOW, TOM, family, library

AT = int(NOW)
ADA = Decider("guardian", "Ada", "ada")
KNOWN = KnownIds(
    categories=frozenset({"games", "gambling", "malware"}), services=frozenset({"tube", "club"})
)
SERVICES = {
    "tube": (parse_matcher("tube.example"), parse_matcher("tubevideo.example")),
    "club": (parse_matcher("club.example"),),
}
GAMES = Topic(TopicKind.CATEGORY, "games")
TODAY: date = budget_day(NOW, zone_of("UTC"), 0).day


def lists() -> Catalogue:
    return library(
        categories={"games": ["games.example", "tube.example"], "gambling": ["bets.example"]},
        services={"tube": ["tube.example", "tubevideo.example"], "club": ["club.example"]},
        security={"malware": ["trap.example"]},
    )


def home(**fields: Any) -> Household:
    mia = replace(MIA, categories=frozenset({"games", "gambling"}), services=frozenset({"club"}))
    usual: dict[str, Any] = {
        "rules": (Rule("r1", RuleAction.BLOCK, parse_matcher("films.example")),)
    }
    return family(mia, TOM, **{**usual, **fields})


def schedule(*about: Any, all_day: bool = True) -> Schedule:
    slot = Slot(frozenset({"daily"}), 0, 1440 if all_day else 60)
    return Schedule("bedtime", "mia", (slot,), about)


def budget(*about: Any, minutes: int = 0) -> Budget:
    return Budget("play", "mia", (("daily", minutes),), about)


def ask(name: str = "games.example", **fields: Any) -> AppealRequest:
    """Return what Mia asks; fields as of an AppealRequest."""
    to = contest(Verdict(Action.BLOCK, Reason.CATEGORY, 13, "games", list="games"), 7)
    usual: dict[str, Any] = {
        "why": AppealMotive.SCHOOL,
        "wanted": WantedLength.HOUR,
        "kind": AppealKind.NAME,
        "to": to,
    }
    usual |= {"profile": "mia", "device": "mia-phone"}
    return AppealRequest(name=name, **{**usual, **fields})


def yes(**fields: Any) -> Decision:
    return Decision(AppealState.GRANTED, DecisionReason.FAIR_ENOUGH, yes=ApprovalTerms(**fields))


def no(reason: DecisionReason | None = DecisionReason.NOT_YET_FOR_AGE, text: str = "") -> Decision:
    return Decision(AppealState.REFUSED, reason, text)
