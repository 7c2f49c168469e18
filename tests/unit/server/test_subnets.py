"""A device's own network goes to an upstream that is to know it, and its answer to nobody else."""

from __future__ import annotations

import dns.edns
import pytest

from tests.fakes import FakeUpstream
from tests.home import Home, Reply
from tests.household import library

NEAR, FAR = "198.51.100.77", "203.0.113.9"
NEAR_ZONE, FAR_ZONE = "subnet:198.51.100.0/24", "subnet:203.0.113.0/24"
SPLITS = {NEAR_ZONE: {"cdn.example": "192.0.2.1"}, FAR_ZONE: {"cdn.example": "192.0.2.2"}}


def home(*, forwards: bool = True, **more: object) -> Home:
    made = Home(upstream=FakeUpstream(splits=SPLITS), **more)  # type: ignore[arg-type]
    made.resolver.responses.forwards_subnets = forwards
    return made


def ask(made: Home, who: str, text: str, name: str = "cdn.example", source: int = 32) -> Reply:
    return made.ask(who, name, options=[dns.edns.ECSOption(text, source, 0)])


def scope_of(reply: Reply) -> list[tuple[str, int, int]]:
    return [
        (each.address, each.srclen, each.scopelen)
        for each in reply.message.options
        if isinstance(each, dns.edns.ECSOption)
    ]


@pytest.mark.parametrize("lane", [False, True])
def test_an_answer_for_one_network_is_given_to_no_other(lane: bool) -> None:
    made = home(lane=lane)
    for _ in range(3):
        near, far = ask(made, "mia", NEAR), ask(made, "tom", FAR)
        assert (near.data, far.data) == (["192.0.2.1"], ["192.0.2.2"])
        assert scope_of(near) == [(NEAR, 32, 24)]
        assert scope_of(far) == [(FAR, 32, 24)]
        assert made.ask("ada", "cdn.example").data == ["198.51.100.1"]
    assert [key.zone for key in made.upstream.asked] == [NEAR_ZONE, FAR_ZONE, ""]
    neighbour = ask(made, "ada", "198.51.100.1")
    assert neighbour.data == ["192.0.2.1"], "of the same network"
    assert len(made.upstream.asked) == 3


def test_by_default_nothing_is_told_and_nothing_said() -> None:
    made = home(forwards=False)
    reply = ask(made, "mia", NEAR)
    assert (reply.data, scope_of(reply)) == (["198.51.100.1"], [])
    assert [key.zone for key in made.upstream.asked] == [""]


@pytest.mark.parametrize(("text", "source"), [("192.168.1.7", 32), ("0.0.0.0", 0), ("fd00::7", 64)])
def test_a_network_at_home_or_a_wish_for_silence_is_not_passed_on(text: str, source: int) -> None:
    made = home()
    assert scope_of(ask(made, "mia", text, source=source)) == []
    assert [key.zone for key in made.upstream.asked] == [""]


def test_of_help_no_network_is_told() -> None:
    lists = library(
        protected={"child_helpline": ["help.example"], "education_reference": ["wiki.example"]}
    )
    made = home(lists=lists)
    for name in ("help.example", "wiki.example"):
        assert scope_of(ask(made, "mia", NEAR, name)) == []
    assert {key.zone for key in made.upstream.asked} == {""}
