"""Tests of the way of a query: from bytes to bytes, over the cache and the upstream."""

from __future__ import annotations

from dataclasses import replace

from copdns.model import (
    Closure,
    LocalName,
    Matcher,
    NameRewrite,
    Reason,
    Timing,
)
from tests.fakes import FILTERED, FakeUpstream
from tests.home import Home
from tests.household import ADA, MIA, NOW, TOM, family


def test_a_record_of_ours_is_kept_no_longer_than_a_child_keeps_anything() -> None:
    house = family(local_names=(LocalName("nas.example", ("192.168.1.5",)),))
    home = Home(house)
    assert home.ask("mia", "localhost").ttls == [60]
    assert home.ask("ada", "localhost").ttls == [300]
    short = replace(MIA, max_ttl=20)
    home.change(replace(house, profiles=(short, TOM, ADA)))
    assert home.ask("mia", "nas.example").ttls == [20]


def test_a_record_of_ours_is_not_kept_past_the_next_change() -> None:
    closure = Closure(Reason.PAUSED, NOW + 15, NOW + 60)
    home = Home(timing={"ada": Timing(closures=(closure,))})
    assert home.ask("ada", "localhost").ttls == [15]


def test_an_empty_rewrite_is_kept_no_longer_than_a_child_keeps_anything() -> None:
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),))
    home = Home(house, upstream=FakeUpstream({"homepage.example": "198.51.100.7"}))
    assert home.ask("mia", "start.example", "AAAA").ttls == [60]
    assert home.ask("ada", "start.example", "AAAA").ttls == [300]


def test_an_upstream_that_filters_the_target_of_a_rewrite_is_found_out() -> None:
    house = family(rewrites=(NameRewrite(Matcher("start.example"), "homepage.example"),))
    reply = Home(house, upstream=FakeUpstream({"homepage.example": FILTERED})).ask(
        "mia", "start.example"
    )
    assert reply.verdict.reason is Reason.UPSTREAM_FILTERED
    assert reply.ede == (35, "upstream_filtered: blocked by the upstream resolver")
