"""Structured errors as the running program makes them: from the household, in its language."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import pytest

from copdns.app.structured_reasons import StructuredReasons
from copdns.list_files.load import load_catalogue
from copdns.list_files.own_list_edits import Wanted, keep_list
from copdns.list_files.own_lists import OwnLists
from copdns.model.household import Device, Household
from copdns.policy.guest import GUEST
from copdns.settings.config import Settings
from tests.home import Home
from tests.household import ADDRESSES, MIA, TOM, asker, block, family, library
from tests.reading import has_word
from tests.replies import ede_of
from tests.unit.messages import opt, option, query

GAMES = "games.example"
ON = {"encrypted": {"tls_port": 853}}


async def begin(house: Household | None = None, **settings: Any) -> tuple[Home, StructuredReasons]:
    home = Home(
        house or family(rules=(block(GAMES),)), library(categories={"gambling": ["bets.example"]})
    )
    chosen = Settings.model_validate({**ON, **settings})
    reasons = StructuredReasons(lambda: home.resolver.snapshot, lambda: chosen, frozenset)
    await reasons.follow()
    home.resolver.replies.structured_errors = reasons.errors
    return home, reasons


def told(home: Home, who: str = "mia", name: str = GAMES, over: str = "tls") -> dict[str, Any]:
    reply = home.send(query(name, opt=opt(option(26))), asker(who, over))
    assert reply is not None
    found = ede_of(dns.message.from_wire(reply))
    assert found is not None
    text: dict[str, Any] = json.loads(found[1]) if found[1].startswith("{") else {}
    return text


async def test_each_is_spoken_to_at_their_age() -> None:
    home, _ = await begin()
    more = "Find out more: why.home.arpa"
    assert told(home) == {
        "j": f"A grown-up blocked games.example. {more}",
        "l": "en",
    }
    assert told(home, "tom")["j"].startswith("Someone at home set a rule that blocks it")


async def test_it_is_in_the_households_language_also_after_that_changes() -> None:
    home, reasons = await begin(family(rules=(block(GAMES),), language="fr"))
    assert told(home)["l"] == "fr"
    assert "En savoir plus" in told(home)["j"]
    home.change(replace(home.house, language="zh"))
    assert told(home)["l"] == "en"  # until the catalogue was read
    await reasons.follow()
    assert told(home)["l"] == "zh-Hans"


async def test_contacts_and_organisation_are_those_of_the_settings() -> None:
    chosen = {"contacts": ["mailto:ada@example.net"], "organisation": "Example School"}
    home, _ = await begin(reasons=chosen)
    text = told(home)
    assert (text["c"], text["o"]) == (["mailto:ada@example.net"], "Example School")


@pytest.mark.parametrize(
    ("settings", "by_tls", "in_clear"),
    [
        ({}, True, False),
        ({"reasons": {"structured": "always"}}, True, True),
        ({"reasons": {"structured": "off"}}, False, False),
        ({"encrypted": {}}, False, False),
        ({"encrypted": {}, "reasons": {"structured": "always"}}, True, True),
    ],
)
async def test_the_settings_say_who_gets_it(
    settings: dict[str, Any], by_tls: bool, in_clear: bool
) -> None:
    home, _ = await begin(**settings)
    assert (bool(told(home)), bool(told(home, over="udp"))) == (by_tls, in_clear)


async def test_the_older_wish_is_heard_where_the_settings_say_so() -> None:
    for chosen in (False, True):
        home, _ = await begin(reasons={"older_signal": chosen})
        reply = home.send(query(GAMES, opt=opt(option(15, b"\0\0"))), asker("mia", "tls"))
        assert reply is not None
        found = ede_of(dns.message.from_wire(reply))
        assert found is not None
        assert found[1].startswith("{") is chosen


async def test_nobody_and_nothing_of_the_household_is_named() -> None:
    """Every text that a block can have, for everyone who may ask."""
    house = family(
        rules=(block(GAMES), block("mia.example"), block("*.tom.example")),
        devices=tuple(
            Device(f"{each}-phone", f"{each.title()}'s phone", each, (address,))
            for each, address in ADDRESSES.items()
        ),
    )
    home, _ = await begin(house)
    for who in (*ADDRESSES, "192.0.2.200"):
        for name in (GAMES, "www.tom.example", "bets.example"):
            reply = home.send(query(name, opt=opt(option(26))), asker(who, "tls"))
            assert reply is not None
            found = ede_of(dns.message.from_wire(reply))
            if found is not None:
                words = json.loads(found[1]).get("j", "").replace(name, "").lower()
                assert not [
                    each for each in ("mia", "tom", "ada", "phone") if has_word(words, each)
                ]
                assert GUEST not in words


@pytest.mark.parametrize("category", ["gambling", ""])
async def test_a_list_that_the_household_pasted_is_not_named(tmp_path: Path, category: str) -> None:
    """Its title is the household's own, also where its category is one that ships."""
    kept = OwnLists(tmp_path)
    wanted = Wanted("What Ada fears", category, "bets.example")
    own = keep_list(kept, wanted, load_catalogue(()), family(), 7).own
    mia, tom = (replace(each, categories=frozenset({own.category})) for each in (MIA, TOM))
    home = Home(family(mia, tom), load_catalogue(kept.sources()))
    settings = Settings.model_validate(ON)
    reasons = StructuredReasons(
        lambda: home.resolver.snapshot, lambda: settings, lambda: {each.slug for each in kept.all()}
    )
    await reasons.follow()
    home.resolver.replies.structured_errors = reasons.errors
    text = told(home, "tom", "bets.example")["j"]
    assert text
    assert not has_word(text.lower(), "ada")
    if not category:  # nor is more told than that this one is blocked
        text = told(home, "mia", "bets.example")["j"]
        assert text.startswith("A grown-up blocked this site: bets.example.")
