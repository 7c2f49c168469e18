"""Names of this house that hold for one person or tag only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.household import LocalName, NameRewrite
from copdns.model.matchers import Matcher, MatchKind
from tests.home import Home
from tests.household import MIA, family

HOUSE = family(
    local_names=(
        LocalName("nas.home.arpa", ("192.168.1.5",)),
        LocalName("nas.home.arpa", ("192.168.1.6",), scope="#children"),
        LocalName("nas.home.arpa", ("192.168.1.7",), scope="tom"),
        LocalName("games.home.arpa", ("192.168.1.40",), ("TXT open till nine",), scope="tom"),
        LocalName("*.dev.home.arpa", ("192.168.1.41",), scope="ada"),
    ),
    rewrites=(NameRewrite(Matcher("store.example", MatchKind.EXACT), "nas.home.arpa"),),
)


@pytest.mark.parametrize(
    ("name", "rtype", "mia", "tom", "ada"),
    [
        ("nas.home.arpa", "A", "192.168.1.6", "192.168.1.7", "192.168.1.5"),
        ("store.example", "A", "192.168.1.6", "192.168.1.7", "192.168.1.5"),
        ("games.home.arpa", "A", "", "192.168.1.40", ""),
        ("games.home.arpa", "TXT", "", '"open till nine"', ""),
        ("one.dev.home.arpa", "A", "", "", "192.168.1.41"),
        ("40.1.168.192.in-addr.arpa", "PTR", "", "games.home.arpa.", ""),
        ("6.1.168.192.in-addr.arpa", "PTR", "nas.home.arpa.", "nas.home.arpa.", ""),
    ],
)
def test_of_one_name_what_is_closest_to_the_person_counts(
    name: str, rtype: str, mia: str, tom: str, ada: str
) -> None:
    home = Home(HOUSE)
    for who, data in {"mia": mia, "tom": tom, "ada": ada}.items():
        reply = home.ask(who, name, rtype)
        assert reply.data == ([data] if data else []), who
        assert not reply.message.answer or data, who
    assert home.upstream.asked == []


def test_people_with_equal_settings_keep_names_of_their_own() -> None:
    mia = replace(MIA, tags=frozenset())
    lia = replace(mia, id="lia", name="Lia")
    own = LocalName("nas.home.arpa", ("192.168.1.6",), scope="mia")
    house = replace(family(mia), profiles=(mia, lia), local_names=(own,))
    snapshot = Home(house).resolver.snapshot
    steps = [snapshot.policy("home", who).order[1] for who in ("mia", "lia")]
    assert [bool(step.local_by_list) for step in steps] == [True, False]  # type: ignore[attr-defined]
