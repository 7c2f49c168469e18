"""Who loses a connection when there are too many."""

from __future__ import annotations

import pytest

from copdns.server.places import Places, client_of


def filled(places: Places[str], *connections: str) -> list[str | None]:
    """Take in connections, each named for its client and a number; return who had to go each."""
    return [places.add(each, f"192.0.2.{each[0]}") for each in connections]


def test_without_a_bound_of_its_own_a_client_may_have_all() -> None:
    assert filled(Places(3), "1a", "1b", "1c") == [None] * 3


def test_a_client_loses_its_own_longest_silent_one() -> None:
    places: Places[str] = Places(100, client_limit=2)
    assert filled(places, "2a", "1a", "1b", "1c") == [None, None, None, "1a"]


def test_use_is_what_counts_not_age() -> None:
    places: Places[str] = Places(100, client_limit=2)
    filled(places, "1a", "1b")
    places.note_use("1a")
    assert filled(places, "1c") == ["1b"]


def test_in_all_the_client_with_the_most_loses_one() -> None:
    places: Places[str] = Places(3)
    assert filled(places, "2a", "1a", "1b", "3a") == [None, None, None, "1a"]


def test_what_was_removed_counts_no_more() -> None:
    places: Places[str] = Places(2, client_limit=1)
    filled(places, "1a")
    places.remove("1a")
    places.remove("1a")
    places.note_use("1a")
    assert (len(places), places.by_client) == (0, {})
    assert filled(places, "1b", "2a") == [None, None]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),  # addresses of one home
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_who_counts_as_one_client(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same


def test_among_clients_with_as_many_the_longest_silent_one_ends() -> None:
    """Someone with many networks has one connection from each, as Mia has hers."""
    places: Places[str] = Places(3)
    for name, address in (("mia", "192.0.2.1"), ("a", "2001:db8::1"), ("b", "2001:db8:0:1::1")):
        assert places.add(name, address) is None
    places.note_use("mia")
    assert places.add("c", "2001:db8:0:2::1") == "a"
