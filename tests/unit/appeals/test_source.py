"""What is known of the list or the rule that closed a name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.appeals.appeal import Appeal, AppealKind, AppealRequest, ContestedVerdict
from copdns.appeals.source import block_source, rule_behind
from copdns.lists.download import CopyState
from copdns.lists.index import Entry, ListInfo, ListKind
from copdns.model.matchers import MatchKind
from copdns.model.verdict import Action, Reason
from tests.household import MIA, TOM, block, family

ASKED = 1000
TO = ContestedVerdict(
    Action.BLOCK, Reason.CATEGORY, list="l", list_version="v1", rule="toys.example"
)
APPEAL = Appeal(
    "a",
    AppealRequest("mia", "mia-phone", AppealKind.NAME, TO, name="toys.example"),
    asked=ASKED,
    since=ASKED,
)
INFO = ListInfo(3, "l", ListKind.CATEGORY, "games", "v1")
ON_IT = [Entry(3, "toys.example", MatchKind.SUBTREE, allow=False)]


@pytest.mark.parametrize(
    ("came", "version", "since"),
    [
        (400.0, "v1", 400.0),  # it was closed by this very copy
        (400.0, "v2", ASKED),  # by another one
        (1400.0, "v1", ASKED),  # fetched anew since, and the same
        (None, "v1", ASKED),  # it ships
    ],
)
def test_since_when_is_never_later_than_can_be_vouched_for(
    came: float | None, version: str, since: float
) -> None:
    info = replace(INFO, version=version)
    found = block_source(APPEAL, info, CopyState(fetched_at=came, checked_at=came), ON_IT)
    assert (found.since, found.came, found.stands) == (since, came, True)


def test_a_name_that_was_taken_off_or_excepted_stands_on_it_no_more() -> None:
    other = Entry(4, "toys.example", MatchKind.SUBTREE, allow=False)
    lifted = Entry(3, "toys.example", MatchKind.SUBTREE, allow=True)
    assert not block_source(APPEAL, INFO, CopyState(), [other, lifted]).stands


def test_the_rule_of_the_person_comes_before_that_of_everyone() -> None:
    to = replace(TO, reason=Reason.RULE)
    mine, for_all = block("toys.example", "mia"), block("toys.example")
    toms = block("toys.example", "tom")
    ask = replace(APPEAL.ask, to=to)
    assert rule_behind(ask, family(MIA, TOM, rules=(toms, for_all, mine))) == mine
    assert rule_behind(ask, family(MIA, TOM, rules=(toms, for_all))) == for_all
    assert rule_behind(ask, family(MIA, TOM, rules=(toms,))) is None
    assert rule_behind(APPEAL.ask, family(MIA, TOM, rules=(mine,))) is None
