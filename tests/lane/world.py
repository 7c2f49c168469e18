"""What there is in the two homes' world: who lives there, names of every kind, lists, rules, and
an upstream that says one thing for a while and then another."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.dns.records import AXFR
from copdns.lists.catalogue import Catalogue
from copdns.model.household import Contact, Device, Rule
from tests.fakes import FILTERED, NO_SUCH_NAME, SILENCE, FakeClock, Script, answer_of
from tests.household import allow, block, library

MAC = "02:00:00:00:00:05"
DEVICES = (
    Device("mia-phone", "Mia's phone", "mia", ("127.0.0.2",)),
    Device("mia-tablet", "Mia's tablet", "mia", ("127.0.0.6",)),
    Device("mia-console", "Mia's console", "mia", (), (MAC,)),
    Device("tom-phone", "Tom's phone", "tom", ("127.0.0.3",)),
    Device("ada-phone", "Ada's phone", "ada", ("127.0.0.4", "::1")),
)
GUEST, STRANGER, FORWARDER = "127.0.0.5", "127.0.1.9", "127.0.0.9"
SOURCES = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.6", "::1", GUEST, STRANGER)
OFTEN = (30, 20, 20, 10, 8, 8, 4)  # how often each of them asks

TURN = 40  # seconds for which the upstream says the same
TTLS = (0, 1, 2, 3, 5, 9, 30, 60, 61, 299, 300)
PLAIN = [f"www{number}.example" for number in range(24)]
OTHERS = """
    games.example chess.games.example fair.games.example ads.example evil.example vpn.example
    nosafe.example chat.example social.example msg.social.example legal.example canary.example
    search.example video.example safe.example very.safe.example
    help.example www.help.example help.example.home.example wiki.example school.example
    printer.example old.example new.example at-home.example mail.corp.example corp.example
    to-games.example to-evil.example to-www.example to-help.example two-steps.example loop.example
    router.example both.example mapped.example address.example hints.example service.example
    nothing.example empty.example large.example texts.example silent.example
    filtered.example blocked-there.example
    copdns.home.arpa why.home.arpa localhost x.test 4.3.2.10.in-addr.arpa bare com
""".split()  # noqa: SIM905
NAMES = [*PLAIN, *OTHERS, ""]
QTYPES = {1: 60, 28: 20, 65: 10, 16: 4, 15: 1, 255: 2, 5: 2, 12: 1, 6: 1, AXFR: 1, 65280: 1}

LISTS: Mapping[str, Any] = {
    "categories": {"games": ["games.example", "!fair.games.example"], "ads": ["ads.example"]},
    "security": {"malware": ["evil.example"]},
    "services": {"chat": ["chat.example", "msg.social.example"], "social": ["social.example"]},
    "contacts": {"chat": Contact.STRANGERS},
    "bypass": ["vpn.example"],
    "no_safe_search": ["nosafe.example"],
    "canaries": {"canary": ["canary.example"]},
    "protected": {"child_helpline": ["help.example"], "education_reference": ["wiki.example"]},
    "engines": {
        "search": (["search.example"], {"strict": "safe.example"}),
        "video": (["video.example"], {"strict": "very.safe.example", "moderate": "safe.example"}),
    },
    "legal": ["legal.example"],
    "beacons": ["www10.example"],
}
RULES: tuple[Rule, ...] = (
    block("www1.example"),
    block("www2.example", "#children"),
    block("=www3.example", "mia"),
    block("*.games.example", "tom"),
    allow("chess.games.example", "mia"),
    allow("evil.example", "ada", over_security=True),
    allow("search.example", "tom", unsafe_search=True),
    allow("to-games.example"),
    block("198.51.100.66"),
    block("198.51.100.0/28", "#children"),
    allow("198.51.100.8", "mia"),
    allow("www4.example"),
    allow("www5.example", "mia"),
)


def lists() -> Catalogue:
    return library(**LISTS)


class Answers:
    """What the upstream says: for a while the same, then something else."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._turn = -1
        self._script: Script = {}
        self._said: dict[tuple[str, int, bool], UpstreamResponse | None] = {}

    def __call__(self, key: CacheKey, protected: bool) -> UpstreamResponse | None:
        turn = int(self._clock.mono) // TURN
        if turn != self._turn:
            self._turn, self._script, self._said = turn, script(Random(turn)), {}
        asked = key.qname, key.qtype, protected
        if asked not in self._said:
            self._said[asked] = self._answer(key, protected)
        answer = self._said[asked]
        if answer is None or not key.do:
            return answer
        signed = answer.with_ttls(answer.rrs, answer.ttl_places)
        signed.ad = True
        return signed

    def _answer(self, key: CacheKey, protected: bool) -> UpstreamResponse | None:
        answer = answer_of(self._script, key.qname, key.qtype)
        if protected and answer is not None and answer.facts.is_filtered:
            return answer_of({}, key.qname, key.qtype)  # by another upstream
        return answer


def script(lot: Random) -> Script:
    """Return what the names have, at one time."""
    ttl = {"ttl": lot.choice(TTLS)}
    host = lot.randrange(256)
    said: dict[str, object] = {
        name: lot.choice([_addresses(lot), _addresses(lot), _addresses(lot), NO_SUCH_NAME, {}])
        for name in (
            *PLAIN,
            "social.example",
            "fair.games.example",
            "new.example",
            "school.example",
        )
    }
    said |= {name: lot.choice([_addresses(lot), FILTERED]) for name in FILTERED_THERE}
    said |= {
        "to-games.example": {"CNAME": "chess.games.example.", **ttl},
        "to-evil.example": {"CNAME": "evil.example.", "ttl": lot.choice(TTLS)},
        "to-www.example": {"CNAME": "www7.example.", "ttl": lot.choice(TTLS)},
        "to-help.example": {"CNAME": "help.example.", **ttl},
        "two-steps.example": {"CNAME": "to-www.example.", **ttl},
        "loop.example": {"CNAME": "loop.example.", **ttl},
        "router.example": {"A": f"192.168.1.{host}", "AAAA": "fd00::1", **ttl},
        "both.example": {"A": ["198.51.100.20", "10.0.0.1"], **ttl},
        "mapped.example": {"AAAA": "::ffff:127.0.0.1", **ttl},
        "address.example": {"A": f"198.51.100.{lot.choice([1, 8, 66, 99])}", **ttl},
        "hints.example": {"HTTPS": "1 . alpn=h2 ipv4hint=198.51.100.66", **ttl},
        "service.example": {"HTTPS": f"1 {lot.choice(['games', 'www1'])}.example.", **ttl},
        "nothing.example": NO_SUCH_NAME,
        "empty.example": {},
        "large.example": {"A": [f"198.51.100.{each}" for each in range(100, 160)], **ttl},
        "texts.example": {"TXT": [f"{each}{'x' * 100}" for each in range(lot.choice([3, 15]))]},
        "silent.example": SILENCE,
        "blocked-there.example": {"A": "0.0.0.0", FILTERED: True, **ttl},
        "mail.corp.example": {"A": f"198.51.100.{host}", **ttl},
    }
    return said


# Safe search leads to some, and some nobody may filter.
FILTERED_THERE = ("filtered.example", "safe.example", "very.safe.example", "wiki.example")


def _addresses(lot: Random) -> Mapping[str, object]:
    v4 = [f"198.51.100.{lot.randrange(256)}" for _ in range(lot.choice([1, 1, 2]))]
    return {"A": v4, "AAAA": f"2001:db8::{lot.randrange(9):x}", "ttl": lot.choice(TTLS)}
