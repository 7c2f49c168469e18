"""How each list does, week by week."""

from __future__ import annotations

from copdns.appeals.list_errors import WrongEntry
from copdns.lists.index import ListInfo, ListKind
from copdns.lists.parse import SkipReason
from copdns.lists.small_index import ListStatus
from copdns.privacy.list_counts import WEEK, ListCountKey, ListCountKind, week_of
from copdns.privacy.list_scores import SHOWN_WEEKS, WeekScore, note_scores, score_lists

NOW = 1_774_800_000.0
UNUSED = {SkipReason.INFRASTRUCTURE: 2, SkipReason.PROTECTED: 1, SkipReason.DUPLICATE: 40}


def status(slug: str, kind: ListKind = ListKind.CATEGORY, error: str = "") -> ListStatus:
    info = ListInfo(0, slug, kind, "games", "1", size=197)
    return ListStatus(info, UNUSED, error=error)


LISTS = (status("boards"), status("tube", ListKind.SERVICE), status("gone", error="not here"))
WRONG = (WrongEntry("chess.example", "boards", "games"), WrongEntry("a.example", "other", "games"))


def caught(n: int, now: float = NOW) -> dict[ListCountKey, int]:
    return {ListCountKey("home", "boards", week_of(now), ListCountKind.CAUGHT): n}


def test_a_list_has_what_it_blocked_and_what_it_took_wrongly() -> None:
    noted = note_scores("home", LISTS, WRONG, NOW)
    assert {each.list for each in noted} == {"boards"}  # services are chosen, and one is not here
    (boards, gone) = score_lists(LISTS, noted | caught(12))
    assert (boards.list, boards.label) == ("boards", "games")
    assert boards.weeks == (WeekScore(week_of(NOW), 12, 1, 3, 197),)
    assert boards.weeks[0].wrong_share == 1000 * 4 / 200
    assert gone.weeks == ()


def test_what_fewer_than_three_people_met_is_not_known() -> None:
    ((week,), _) = (each.weeks for each in score_lists(LISTS, note_scores("home", LISTS, (), NOW)))
    assert (week.caught, week.wrong) == (None, 0)


def test_the_newest_weeks_come_first_and_older_ones_are_left_out() -> None:
    counts: dict[ListCountKey, int] = {}
    for ago in range(20):
        counts |= caught(100 + ago, NOW - ago * WEEK)
    boards = score_lists(LISTS, counts)[0]
    assert [each.caught for each in boards.weeks] == list(range(100, 100 + SHOWN_WEEKS))
    assert boards.weeks[0].wrong_share is None
