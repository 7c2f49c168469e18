"""When the staff are told that a review or a decision is near its target or late."""

from __future__ import annotations

from dataclasses import replace

from copdns.appeals.review import DecisionReason
from copdns.provider.law.events import HoldDecided, OrderConfirmed
from copdns.provider.staff.desk import (
    HOUR,
    CaseOrigin,
    CaseReason,
    DeskCase,
    decide_case,
    with_target,
)
from copdns.provider.staff.queue_news import (
    TOLD_FOR,
    QueueKind,
    QueueMessage,
    QueueNews,
    queue_json,
    queue_messages,
)
from tests.provider_staff import NOW, REVIEWER, SUPPORT, Written, order, staff_added

CASE = with_target(
    DeskCase(
        *(41, "", CaseOrigin.GUARDIAN, "club.example", "casinos", "club.example"),
        *(CaseReason.HARMLESS, NOW, 0, ("rev", "rev2")),
    )
)
DUE = CASE.due  # three days later
REGISTER = Written()
REGISTER.add("console", staff_added(replace(REVIEWER, id="rev2")))
REGISTER.add("console", staff_added(replace(REVIEWER, id="rev3")))
REGISTER.add("console", staff_added(replace(REVIEWER, id="north", tenant="north")))


def told(case: DeskCase, now: int) -> list[tuple[QueueNews, set[str]]]:
    return [
        (each.what, set(each.people)) for each in queue_messages(REGISTER.register, [case], now)
    ]


def test_a_review_is_told_near_its_target_and_after_it_and_then_no_more() -> None:
    near, over = QueueNews.NEAR, QueueNews.OVER
    assert told(CASE, DUE - 24 * HOUR - 1) == []
    assert told(CASE, DUE - 24 * HOUR) == [(near, {"rev", "rev2"})]
    assert told(CASE, DUE) == [(near, {"rev", "rev2"})]
    assert told(CASE, DUE + 1) == [(over, {"rev", "rev2", "ada", "bo"})]
    assert told(CASE, DUE + TOLD_FOR) == [(over, {"rev", "rev2", "ada", "bo"})]
    assert told(CASE, DUE + TOLD_FOR + 1) == [], "it was late before anybody could be told"


def test_it_is_told_to_who_still_has_to_decide() -> None:
    second = decide_case(CASE, REVIEWER, DecisionReason.LIST_ERROR, NOW)
    assert told(second, DUE) == [(QueueNews.NEAR, {"rev2"})]
    refused = decide_case(CASE, REVIEWER, DecisionReason.HARMFUL_CONTENT, NOW)
    assert told(refused, DUE + 1) == []
    everybody = {"rev", "rev2", "rev3"}
    assert told(replace(CASE, drawn=()), DUE) == [(QueueNews.NEAR, everybody)], "of no tenant"
    left = replace(CASE, drawn=("gone", SUPPORT.id))
    assert told(left, DUE) == [(QueueNews.NEAR, everybody)]


def test_a_short_time_is_near_its_end_in_its_last_third() -> None:
    written = Written()
    number = written.add("ada", order("help.example", ends=NOW + 9 * DUE, decide_within=3 * HOUR))
    written.add("bo", OrderConfirmed(number, ("help.example", "help.example.org")), NOW)

    def found(now: int) -> tuple[QueueMessage, ...]:
        return queue_messages(written.register, (), now)

    due = NOW + 3 * HOUR
    assert found(NOW + 2 * HOUR - 1) == ()
    near = QueueMessage(QueueKind.HOLD, number, due, QueueNews.NEAR, frozenset({"rev"}))
    assert found(NOW + 2 * HOUR) == (near,), "two names of one order are one message"
    late = near._replace(what=QueueNews.OVER, people=near.people | {"ada", "bo"})
    assert found(due + 1) == (late,)
    for name in ("help.example", "help.example.org"):
        written.add("rev", HoldDecided(number, name, False, "Help."), due + 2)
    assert found(due + 3) == ()


def test_no_site_and_no_list_is_in_a_message() -> None:
    (message,) = queue_messages(REGISTER.register, [CASE], DUE + 1)
    text = f"{message} {queue_json(message, DUE + 1)}"
    assert "example" not in text
    assert "casinos" not in text
