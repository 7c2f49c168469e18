"""Every reply is what the decision says, or else the upstream's own.

Tens of thousands of names that real devices ask for go through the real program, whose upstream
(`oracle_upstream`) has an answer of its own for each.  A part of them is asked by default, always
the same, a larger one where a run is of the whole; `make oracle` asks all.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from time import time

import dns.name
import dns.rdatatype
import pytest
from dns.rdatatype import RdataType

from copdns.cli.home import Home
from copdns.model.verdict import Requestor
from copdns.policy.decide import Policy, decide
from copdns.policy.judge import RebindingGuard
from copdns.policy.snapshot import Snapshot
from copdns.settings.config import load
from tests.e2e.asking import How, ask_over_tcp, ask_over_udp
from tests.e2e.oracle import LISTENER, Case, ede_of, expected, faults, is_cut, text_of_name
from tests.e2e.oracle_upstream import lot_of, started
from tests.running import Program, running
from tests.whole import choose

pytestmark = pytest.mark.shared_data

# Of all questions.
ASKED = 1.0 if os.environ.get("COPDNS_ORACLE") == "all" else choose(0.15, 0.06)

MIA, ADA, LISTENER_6 = "127.0.0.1", "127.0.0.3", "::1"
MODES = {"nxdomain": "127.0.0.11", "null": "127.0.0.12", "page": "127.0.0.13"}
MODES |= {"refused": "127.0.0.14"}

# How a stub may ask; each question is put in one of these ways.
WAYS = (
    How(),
    How(mixed=True),
    How(ad=True),
    How(size=1232),
    How(size=1232, mixed=True),
    How(size=512),
    How(size=0, cd=True),
    How(size=4096, do=True),
    How(size=4096, do=True, cd=True, mixed=True),
    How(size=512, do=True, ad=True),
    How(size=1400, structured=True),
    How(cd=True, tcp=True),
    How(size=1232, do=True, tcp=True),
)

FAMILY = {
    "household": "Example family",
    "protected": ["school.example"],
    "profiles": {
        "mia": {"name": "Mia", "preset": "7-9", "devices": {"tablet": [MIA]}},
        "ada": {"name": "Ada", "preset": "adult", "devices": {"phone": [ADA]}},
        **{
            f"mia-{mode}": {
                "name": f"Mia, {mode}",
                "preset": "7-9",
                "block_mode": mode,
                "devices": {f"tablet-{mode}": [address, *(["::1"] if mode == "page" else [])]},
            }
            for mode, address in MODES.items()
        },
    },
    "allow": ["facebook.com", "=www.youtube.com"],
    "block": ["casino.example", "=twimg.com", "*.wikia.com", "127.0.0.4/32"],
    "own_services": {
        "clubchat": {"title": "Club Chat", "contact": "strangers", "names": ["clubchat.example"]}
    },
    "local_names": {"printer.home.arpa": ["127.0.0.20"]},
    "rewrites": {"myspace.com": "homepage.example"},
}


# Names that the query files have too few of, or none: each is asked for these types.
PLAIN = ("A", "AAAA", "HTTPS", "TXT", "NS", "ANY")
# Made up, so that some of every kind are asked for an alias itself, and for types that are rare.
RARE = ("A", "CNAME", "SVCB", "NAPTR", "SOA", "DNSKEY", "TYPE65280")
SPECIAL = """
    www.google.com www.google.fr www.youtube.com m.youtube.com duckduckgo.com www.bing.com
    www.ecosia.org search.brave.com pixabay.com www.google.de www.google.co.uk ya.ru kagi.com
    use-application-dns.net mask.icloud.com dns.google iplogger.org myspace.com www.facebook.com
    twimg.com pbs.twimg.com wikia.com games.wikia.com casino.example a.casino.example bet.example
    a.bet.example clubchat.example school.example www.school.example wikipedia.org
    childline.org.uk copdns.home.arpa why.home.arpa printer.home.arpa a.printer.home.arpa
    home.arpa 20.0.0.127.in-addr.arpa 1.0.0.127.in-addr.arpa localhost a.localhost ipv4only.arpa
    resolver.arpa _dns.resolver.arpa example.onion a.test printer com .
""".split()  # noqa: SIM905


MOST, FEW = choose((5000, 50), (2000, 25))
# How often each reason decides at least, so that nothing goes unasked.
LEAST = {
    ADA: Counter(default=MOST, local=200, security=20, protected=20, rule=FEW, canary=5)
    + Counter(rebinding=FEW, upstream_filtered=FEW, address=4 * FEW),
    MIA: Counter(default=MOST, local=200, security=20, protected=20, rule=FEW, canary=10)
    + Counter(rebinding=FEW, upstream_filtered=FEW, address=4 * FEW, bypass=FEW, contact=FEW)
    + Counter(category=MOST // 5, safe_search=20, no_safe_search=5),
}


# --- what is asked ------------------------------------------------------------------------------


Question = tuple[bytes, RdataType]


def questions(queries: Path) -> list[Question]:
    """Return each name and type of the query files that is asked once, names in lower case and wire
    form: of the many a share, always the same ones."""
    found: dict[Question, float] = {}
    for share, source in (
        (ASKED, chain(_generated(queries), _seen(queries), _browsed(queries))),
        (1.0, chain(_odd(queries), _special())),
    ):
        for name, rtype in dict.fromkeys(source):
            wire = _wire(name)
            if wire is not None:
                found[wire, rtype] = share
    lots = {qname: lot_of(qname).random() for qname, _ in found}
    return [each for each, share in found.items() if lots[each[0]] < share]


def _special() -> Iterator[tuple[bytes, RdataType]]:
    for name in SPECIAL:
        for rtype in (*PLAIN, "PTR") if name.endswith("arpa") else PLAIN:
            yield name.encode(), dns.rdatatype.from_text(rtype)
    for number in range(200):
        for rtype in RARE:
            yield b"n%d.oracle.example" % number, dns.rdatatype.from_text(rtype)


PLAIN_NAME = re.compile(rb"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)


def _wire(name: bytes) -> bytes | None:
    """Return a name of a file in wire form; None for one that no message can hold."""
    if len(name) < 250 and PLAIN_NAME.fullmatch(name):  # nearly all: dnspython takes its time
        return b"".join(bytes([len(e)]) + e for e in (*name.lower().split(b"."), b""))
    text = "".join(chr(o) if o < 128 else f"\\{o:03d}" for o in name)
    try:
        return dns.name.from_text(text).canonicalize().to_wire()
    except (dns.name.LabelTooLong, dns.name.NameTooLong, dns.name.EmptyLabel, dns.name.BadEscape):
        return None


def _generated(queries: Path) -> Iterator[tuple[bytes, RdataType]]:
    for each in ("opendns-zipf-200k.dnsperf.gz", "blocked15-50k.dnsperf.gz"):
        for line in gzip.decompress((queries / each).read_bytes()).splitlines():
            name, rtype = line.split()
            yield name, _rtype(rtype)


def _odd(queries: Path) -> Iterator[tuple[bytes, RdataType]]:
    for path in sorted(queries.glob("dnsperf-odd-*.txt")):
        for line in path.read_bytes().splitlines():
            name, rtype, *_ = line.split()
            if rtype != b"TYPE99999999":  # no type
                yield name, _rtype(rtype)


def _seen(queries: Path) -> Iterator[tuple[bytes, RdataType]]:
    for each in ("real-devices.tsv", "tunnel-and-odd.tsv"):
        for row in _rows(queries / each):
            yield row[3].replace(b"\\", rb"\\"), _rtype(row[2])


def _browsed(queries: Path) -> Iterator[tuple[bytes, RdataType]]:
    for row in _rows(queries / "web-browsing.tsv"):
        for rtype in (RdataType.A, RdataType.AAAA, RdataType.HTTPS):
            yield row[1], rtype


def _rows(path: Path) -> Iterator[list[bytes]]:
    lines = path.read_bytes().splitlines()
    return (line.split(b"\t") for line in lines if not line.startswith(b"#"))


def _rtype(text: bytes) -> RdataType:
    """Return a type; a name that was only seen in TLS was looked up by its address."""
    text = {b"SNI": b"A", b"NB/NIMLOC": b"TYPE32"}.get(text, text)
    return dns.rdatatype.from_text(text.decode())


def cases(asked: Iterable[Question], who: str) -> list[Case]:
    """Return what is asked, each in a way that follows from it and from who asks."""
    return [Case(qname, rtype, lot_of(who, qname, rtype).choice(WAYS)) for qname, rtype in asked]


# --- the program, and what it should say --------------------------------------------------------


@dataclass
class Family:
    """The program with its lists, and the policies that it should follow."""

    program: Program
    live: Snapshot
    rebinding: RebindingGuard

    def policy(self, who: str) -> Policy:
        return self.live.identify(Requestor("", who, "udp")).policy

    def ask(
        self, who: str, asked: Sequence[Case], listener: str = LISTENER
    ) -> Iterator[tuple[Case, bytes]]:
        """Ask over UDP, and over TCP what is to be asked so or came cut."""
        server = listener, self.program.port
        over_udp = [case for case in asked if not case.how.tcp]
        over_tcp = [case for case in asked if case.how.tcp]
        replies = ask_over_udp(server, who, [case.wire for case in over_udp])
        for case, reply in zip(over_udp, replies, strict=True):
            assert len(reply) <= case.how.takes
            if is_cut(reply):
                over_tcp.append(case._replace(how=replace(case.how, tcp=True)))
            else:
                yield case, reply
        replies = ask_over_tcp(server, who, [case.wire for case in over_tcp])
        yield from zip(over_tcp, replies, strict=True)

    def wrong(self, who: str, asked: Sequence[Case], listener: str = LISTENER) -> Wrong:
        found = Wrong()
        policy = self.policy(who)
        for case, reply in self.ask(who, asked, listener):
            want = expected(policy, self.rebinding, case, time(), listener)
            found.reasons[want.verdict.reason] += 1
            for fault in faults(want, case, reply):
                found.lines.append(f"{case}: {fault}")
        return found


class Wrong:
    """What differs from what was expected, and how often each reason decided."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.reasons: Counter[str] = Counter()


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Iterator[Family]:
    folder = tmp_path_factory.mktemp("oracle")
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    settings: dict[str, object] = {
        "dns": {"listen": [LISTENER, LISTENER_6]},
        "household": "family.yaml",
        "rebinding": {"allow": ["127.0.0.0/8", "::1/128"]},
        "lists": list(_lists(folder, shared_data / "block" / "sinfonietta")),
        "upstreams": {"deadline": 5.0, "attempt": 5.0},  # the machine may be busy
        "cache": {"entries": 200_000, "megabytes": 512},
    }
    with started() as port, running(folder, settings, upstreams=[port]) as program:
        read = load((folder / "copdns.yaml").read_text(), str(folder / "copdns.yaml"), {})
        home = Home(read.model_copy(update={"data": str(folder / "data")}))
        rebinding = RebindingGuard(allow=read.rebinding.allow)
        yield Family(program, home.make_snapshot(time()), rebinding)


def _lists(folder: Path, source: Path) -> Iterator[dict[str, str]]:
    """Put lists of real size on disk, and one whose names aliases of the upstream lead to."""
    for file, category in (
        ("pornography.hosts.txt.gz", "adult"),
        ("gambling.hosts.txt", "gambling"),
        ("social.hosts.txt", "social"),
    ):
        octets = (source / file).read_bytes()
        text = gzip.decompress(octets) if file.endswith(".gz") else octets
        (folder / f"{category}.txt").write_bytes(text)
        form = {"format": "hosts", "match": "subtree"}
        yield {"slug": f"real-{category}", "path": f"{category}.txt", "category": category, **form}
    (folder / "bets.txt").write_text("bet.example\n")
    form = {"format": "domains", "match": "exact"}
    yield {"slug": "bets", "path": "bets.txt", "category": "gambling", **form}


@pytest.fixture(scope="module")
def asked(shared_data: Path) -> list[Question]:
    return questions(shared_data / "queries")


def none_of(lines: Sequence[str]) -> None:
    assert not lines, "\n".join([f"{len(lines)} differ:", *lines[:20]])


@pytest.mark.parametrize("who", [ADA, MIA])
def test_every_answer_is_the_upstreams_own_or_what_the_decision_says(
    family: Family, asked: Iterable[Question], who: str
) -> None:
    wrong = family.wrong(who, cases(asked, who))
    none_of(wrong.lines)
    assert wrong.reasons.total() > choose(7_000, 3_500)
    assert not LEAST[who] - wrong.reasons, f"too few in {wrong.reasons}"


@pytest.mark.parametrize(("mode", "who"), [*MODES.items(), ("page", "::1")])
def test_every_block_is_answered_in_the_way_that_the_profile_wants(
    family: Family, asked: Iterable[Question], mode: str, who: str
) -> None:
    policy = family.policy(who)
    assert policy.block_mode == mode
    closed = [
        case
        for case in cases(asked, who)
        if decide(policy, text_of_name(case.name), case.rtype, time()).blocks
    ]
    wrong = family.wrong(who, closed, LISTENER_6 if ":" in who else LISTENER)
    none_of(wrong.lines)
    assert len(wrong.reasons) >= 5


@pytest.mark.parametrize(
    ("name", "reason", "code"),
    [
        ("copdns.home.arpa", "local", None),
        ("mask.icloud.com", "canary", None),
        ("childline.org.uk", "protected", None),
        ("iplogger.org", "security", 15),
        ("a.casino.example", "rule", 17),
        ("dns.google", "bypass", 17),
        ("clubchat.example", "contact", 17),
        ("bet.example", "category", 17),
        ("duckduckgo.com", "safe_search", 4),
        ("kagi.com", "no_safe_search", 17),
        ("chess.example", "default", None),
    ],
)
def test_check_says_what_the_reply_says(
    family: Family, name: str, reason: str, code: int | None
) -> None:
    check = json.loads(family.program.command("check", name, "--client", MIA, "--json").stdout)
    reply = family.program.ask(name)
    assert check["reason"] == reason
    assert ede_of(reply) == (None if code is None else (code, check["text"]))
    if check["action"] == "block":
        assert not reply.answer
        assert reply.authority[0].ttl == check["ttl"]
    if check["action"] == "rewrite":
        assert str(reply.answer[0][0]) == f"{check['target']}."
