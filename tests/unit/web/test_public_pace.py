"""How often the public may ask a provider; seconds of a clock of the test."""

from __future__ import annotations

from copdns.web.staff.public_pace import A_MINUTE, ALL_A_MINUTE, PublicPace


def test_one_who_asks_without_end_takes_nothing_from_the_others() -> None:
    pace = PublicPace()
    answered = [pace.may_ask("192.0.2.1", 0.0) for _ in range(ALL_A_MINUTE * 2)]
    assert answered.count(True) == A_MINUTE
    assert pace.may_ask("192.0.2.2", 1.0)


def test_all_together_have_a_bound_that_ends_with_the_minute() -> None:
    pace = PublicPace()
    asked = [pace.may_ask(f"198.51.100.{number}", 0.0) for number in range(256)]
    asked += [pace.may_ask(f"203.0.113.{number}", 0.0) for number in range(256)]
    assert asked.count(True) == ALL_A_MINUTE
    assert pace.may_ask("203.0.113.255", 60.0)
