"""Who gets the reason of a block as structured text, what is in it, and what fits over UDP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import dns.edns
import dns.message
import pytest

from copdns.dns.structured_error import StructuredText
from copdns.model.household import BlockMode
from copdns.model.verdict import Verdict
from copdns.policy.decide import Policy
from copdns.server.structured_errors import StructuredErrors
from tests.fakes import FILTERED, FakeUpstream
from tests.home import Home
from tests.household import MIA, asker, block, family, library
from tests.replies import ede_of
from tests.unit.messages import opt, option, query

WISH = option(26)
OLD_WISH = option(15, b"\0\0")
WHY = "A grown-up at home blocked this site."
CONTACT = "mailto:help@example.net"
GAMES = "games.example"


def tell(policy: Policy, verdict: Verdict, qname: str, now: float) -> StructuredText:
    return StructuredText(WHY, "en", contacts=(CONTACT,))


def house(*, more: Any = None, upstream: FakeUpstream | None = None, **structured: Any) -> Home:
    home = Home(
        family(rules=(block(GAMES),)),
        library(
            security={"malware": ["bad.example"], "phishing": ["fake.example"]},
            legal=["law.example"],
        ),
        upstream=upstream,
        lane=True,
    )
    home.resolver.replies.structured_errors = StructuredErrors(more or tell, **structured)
    return home


def ask(
    home: Home, name: str = GAMES, wish: bytes = WISH, over: str = "tls", **more: Any
) -> dns.message.Message:
    who = replace(asker("mia", over), is_old_tls=more.pop("is_old_tls", False))
    reply = home.send(query(name, opt=opt(wish, **more)), who)
    assert reply is not None
    return dns.message.from_wire(reply)


def told(reply: dns.message.Message) -> tuple[int, dict[str, Any] | None]:
    """Return the code, and the object in the text; None for a plain text."""
    found = ede_of(reply)
    assert found is not None
    code, text = found
    return code, json.loads(text) if text.startswith("{") else None


def options_of(reply: dns.message.Message) -> list[int]:
    return [int(each.otype) for each in reply.options]


# --- who gets it -------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["tls", "https"])
def test_who_asks_for_it_over_an_encrypted_connection_gets_it(over: str) -> None:
    reply = ask(house(), over=over)
    assert told(reply) == (17, {"c": [CONTACT], "j": WHY, "l": "en"})
    assert options_of(reply) == [15, 26]  # the latter says how to read the former
    assert reply.options[1].to_wire() == b""


@pytest.mark.parametrize("over", ["udp", "tcp", "tls", "https"])
def test_who_does_not_ask_for_it_gets_plain_text_and_no_new_option(over: str) -> None:
    reply = ask(house(is_in_clear=True), wish=b"", over=over)
    assert ede_of(reply) == (17, "rule: games.example")
    assert options_of(reply) == [15]


@pytest.mark.parametrize("over", ["udp", "tcp"])
def test_in_clear_text_it_is_given_only_where_the_settings_want_it(over: str) -> None:
    assert told(ask(house(), over=over)) == (17, None)
    assert told(ask(house(is_in_clear=True), over=over))[1] is not None


def test_an_older_tls_counts_as_clear_text() -> None:
    assert told(ask(house(), is_old_tls=True)) == (17, None)


def test_the_older_wish_counts_only_where_the_settings_want_it() -> None:
    assert told(ask(house(), wish=OLD_WISH)) == (17, None)
    reply = ask(house(is_asked_the_old_way=True), wish=OLD_WISH)
    assert told(reply)[1] == {"c": [CONTACT], "j": WHY, "l": "en"}
    # An extended error that says something is no wish.
    home = house(is_asked_the_old_way=True)
    assert told(ask(home, wish=option(15, b"\0\0x"))) == (17, None)


def test_without_words_it_is_plain_text() -> None:
    home = house(more=lambda *_: StructuredText())
    assert ede_of(ask(home)) == (17, "rule: games.example")


def test_the_packet_cache_keeps_none_of_it() -> None:
    home = house(is_in_clear=True)
    first = ask(home, over="udp")
    home.resolver.replies.structured_errors = None
    assert told(first)[1] is not None
    assert told(ask(home, over="udp")) == (17, None)


# --- what is in it -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "sub_error"),
    [
        (GAMES, 17, None),  # what a family decides has no number
        ("bad.example", 15, 1),
        ("fake.example", 15, 2),
        ("law.example", 16, None),  # none goes with this code
    ],
)
def test_the_cause_has_its_number(name: str, code: int, sub_error: int | None) -> None:
    found, text = told(ask(house(), name))
    assert text is not None
    assert (found, text.get("s")) == (code, sub_error)


def test_an_outside_name_with_an_address_at_home_is_the_operators_policy() -> None:
    home = house(upstream=FakeUpstream({"inside.example": "192.168.1.1"}))
    code, text = told(ask(home, "inside.example"))
    assert text is not None
    assert (code, text["s"]) == (15, 6)


@pytest.mark.parametrize("mode", BlockMode)
def test_no_block_mode_says_forged_to_who_asks_for_it(mode: BlockMode) -> None:
    home = Home(
        family(MIA.__class__(**{**_fields(MIA), "block_mode": mode}), rules=(block(GAMES),))
    )
    home.resolver.replies.structured_errors = StructuredErrors(tell)
    assert told(ask(home))[0] == 17


def _fields(value: Any) -> dict[str, Any]:
    return {each: getattr(value, each) for each in value.__dataclass_fields__}


def test_a_refusal_is_no_block() -> None:
    home = house()
    reply = home.send(query(GAMES, opt=opt(WISH)), asker("203.0.113.66", "tls"))
    assert reply is not None
    assert told(dns.message.from_wire(reply)) == (18, None)


# --- what an upstream says ---------------------------------------------------------------------


def from_upstream(text: str) -> tuple[int, dict[str, Any] | None]:
    home = house(upstream=FakeUpstream({"filtered.example": FILTERED}))
    ask(home, "filtered.example")
    for entry in home.resolver.responses.cache._entries.values():
        entry.answer.ede_text = text.encode()
    return told(ask(home, "filtered.example"))


def test_what_an_upstream_says_of_its_block_is_written_anew() -> None:
    said = json.dumps({"c": ["tel:+1"], "j": "malware", "s": 1, "o": "Someone", "l": "en"})
    assert from_upstream(said) == (35, {"c": ["tel:+1"], "j": "malware", "s": 1, "l": "en"})


def test_of_an_upstream_that_says_nothing_we_say_that_it_blocked() -> None:
    assert from_upstream("blocked") == (35, {"j": WHY, "l": "en"})


def test_an_error_of_an_upstream_is_passed_on_as_the_upstreams() -> None:
    home = house(upstream=FakeUpstream({"odd.example": "198.51.100.7"}))
    for wish in (b"", WISH):
        ask(home, "odd.example", wish)
        for entry in home.resolver.responses.cache._entries.values():
            entry.answer.ede_codes, entry.answer.ede_text = (6,), b"signature expired"
        assert ede_of(ask(home, "odd.example", wish)) == (6, "upstream: signature expired")
    home = house(upstream=FakeUpstream({"odd.example": "198.51.100.7"}))
    assert ede_of(ask(home, "odd.example")) is None


# --- what fits over UDP ------------------------------------------------------------------------

LONG = ".".join(["a" * 60] * 3 + [GAMES])


def long_words(size: int) -> Any:
    return lambda *_: StructuredText("x" * size, "en", contacts=(CONTACT,), organisation="Example")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (20, {"c", "j", "o", "l"}),  # all of it fits 512 octets
        (200, {"c"}),  # first the words go, and their language
    ],
)
def test_words_are_left_out_before_the_rest(size: int, expected: set[str]) -> None:
    reply = ask(house(more=long_words(size), is_in_clear=True), LONG, over="udp", size=512)
    code, text = told(reply)
    assert text is not None
    assert (code, text.keys(), bool(reply.flags & 0x200)) == (17, expected, False)
    assert len(reply.to_wire()) <= 512


def test_then_the_text_is_left_out_and_the_code_stays() -> None:
    contacts = ("mailto:" + "a" * 80 + "@example.net",) * 3

    def many(*_: object) -> StructuredText:
        return StructuredText(WHY, "en", contacts=contacts)

    reply = ask(house(more=many, is_in_clear=True), LONG, over="udp", size=512)
    assert ede_of(reply) == (17, "")
    assert options_of(reply) == [15]
    assert not reply.flags & 0x200


def test_where_words_are_all_there_is_the_text_goes_at_once() -> None:
    home = house(more=lambda *_: StructuredText("x" * 300, "en"), is_in_clear=True)
    assert ede_of(ask(home, LONG, over="udp", size=512)) == (17, "")


def test_over_tcp_and_tls_nothing_is_left_out() -> None:
    home = house(more=long_words(3000), is_in_clear=True)
    for over in ("tcp", "tls"):
        _, text = told(ask(home, LONG, over=over, size=512))
        assert text is not None
        assert len(text["j"]) == 3000
