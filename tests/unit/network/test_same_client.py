"""Tests of the warning that all devices look alike."""

from __future__ import annotations

import pytest

from copdns.network.same_client import (
    MIN_QUESTIONS,
    MIN_SECONDS,
    SeenRequestor,
    same_client_warning,
)

CARD, OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"


def warning(*asking: tuple[str, str], named: int = 3, in_container: bool = False) -> str:
    seen = [SeenRequestor(*each) for each in asking]
    return same_client_warning(
        seen, MIN_QUESTIONS, MIN_SECONDS, named=named, in_container=in_container
    )


@pytest.mark.parametrize(
    ("asking", "what", "todo"),
    [
        ([("192.0.2.1", CARD)], "come from one address", "DHCP"),
        ([("192.0.2.1", "")], "come from one address", "dns.forwarders"),
        ([("127.0.0.1", "")], "from this machine itself", "dns.forwarders"),
        ([("192.0.2.7", CARD), ("192.0.2.8", CARD)], "one network card", "by IP address"),
    ],
)
def test_when_all_look_alike_the_remedy_is_told(
    asking: list[tuple[str, str]], what: str, todo: str
) -> None:
    said = warning(*asking)
    assert what in said
    assert todo in said


def test_in_a_container_its_network_is_the_first_suspect() -> None:
    assert "--network host" in warning(("172.17.0.1", CARD), in_container=True)


@pytest.mark.parametrize(
    "asking",
    [
        [],
        [("192.0.2.7", CARD), ("192.0.2.8", OTHER)],
        [("192.0.2.7", ""), ("192.0.2.8", "")],
        [("192.0.2.1", CARD), ("192.0.2.1", OTHER)],  # told by a forwarder
    ],
)
def test_who_can_be_told_apart_is_no_reason_to_warn(asking: list[tuple[str, str]]) -> None:
    assert not warning(*asking)


def test_a_house_with_one_device_looks_alike_rightly() -> None:
    assert not warning(("192.0.2.7", CARD), named=1)
    assert warning(("192.0.2.7", CARD), named=0)


def test_nothing_is_said_before_there_is_enough_to_go_by() -> None:
    asking = [SeenRequestor("192.0.2.1", CARD)]
    for questions, seconds in ((MIN_QUESTIONS - 1, MIN_SECONDS), (MIN_QUESTIONS, MIN_SECONDS - 1)):
        assert not same_client_warning(asking, questions, seconds, named=3, in_container=False)
