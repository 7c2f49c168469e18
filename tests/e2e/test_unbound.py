"""copdns beside unbound: it can stand behind us as the upstream, and before us as a forwarder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest
from dns.message import Message

from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.parse import ListFormat, SkipReason, parse_list
from copdns.model.household import Default
from copdns.policy.decide import decide
from copdns.policy.list_rules import ListRules
from copdns.policy.matching import ListSet
from copdns.policy.zone_export import zone_lines
from tests.conftest import find_tool
from tests.e2e.oracle import ede_of, sets_of
from tests.household import MIA as MIA_PROFILE
from tests.household import allow, block, policy
from tests.running import PATIENCE, Program, free_port, running

pytestmark = pytest.mark.tools

MIA, TOM = "127.0.0.1", "127.0.0.2"

FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "devices": {"tablet": [MIA]}},
        "tom": {"name": "Tom", "band": "13-15", "block_mode": "nxdomain"}
        | {"devices": {"phone": [TOM]}},
    },
    "block": ["games.example", "casino.example"],
    "allow": ["chess.games.example"],
}

ZONE = """
$ORIGIN example.
@                    300   SOA   ns hostmaster 1 3600 600 86400 60
@                    300   NS    ns
ns                   300   A     127.0.0.53
school               300   A     127.0.0.1
school               300   A     127.0.0.2
school               3600  AAAA  ::1
school               300   MX    10 mail.school
school               5     HTTPS 1 . alpn=h2 ipv4hint=127.0.0.1
mail.school          300   A     127.0.0.25
alias                300   CNAME other.alias
other.alias          30    CNAME school
lost                 300   CNAME nowhere
cloak                300   CNAME casino
casino               300   A     127.0.0.3
games                300   A     127.0.0.4
chess.games          300   A     127.0.0.5
"""
LARGE = "".join(f'large 300 TXT "{number:03} {"long " * 40}"\n' for number in range(20))


# --- unbound --------------------------------------------------------------------------------------


@contextmanager
def unbound(folder: Path, server: Sequence[str], *clauses: str) -> Iterator[int]:
    """Run unbound on a free port of 127.0.0.1, from which it asks nobody but whom it is told."""
    folder.mkdir()
    port = free_port()
    common = [
        f"interface: 127.0.0.1@{port}",
        "do-ip6: no",
        "do-daemonize: no",
        "do-not-query-localhost: no",
        "use-syslog: no",
        'username: ""',
        'chroot: ""',
        'pidfile: ""',
        f'directory: "{folder}"',
        "num-threads: 1",
        "ede: yes",
    ]
    lines = ["server:", *(f"  {line}" for line in (*common, *server)), *clauses]
    (folder / "unbound.conf").write_text("\n".join(lines) + "\n")
    command = [find_tool("unbound"), "-d", "-c", str(folder / "unbound.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = next((line for line in process.stderr if "start of service" in line), "")
            assert said, "unbound did not start"
            yield port
        finally:
            process.kill()


def authority(folder: Path) -> tuple[list[str], str]:
    """Return the configuration of an upstream that knows one zone and nothing else."""
    zone = folder / "example.zone"
    zone.write_text(ZONE + LARGE)
    clause = f'auth-zone:\n  name: "example"\n  zonefile: "{zone}"\n  for-upstream: no'
    return ['local-zone: "." refuse', 'local-zone: "example" transparent'], clause


def forwarder(port: int, modules: str, source: str) -> tuple[list[str], str]:
    """Return the configuration of one that asks us for everything, as a person of the family."""
    server = [f'module-config: "{modules}"', f"outgoing-interface: {source}"]
    server += ["harden-below-nxdomain: yes", "use-caps-for-id: yes", "cache-max-ttl: 0"]
    clause = f'forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@{port}'
    return server, clause


@dataclass
class Beside:
    """upstream: unbound's port.  fronts: ports of those before us, by modules and by who asks."""

    program: Program
    upstream: int
    fronts: dict[tuple[str, str], int]


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("unbound")
    (folder / "family.yaml").write_text(json.dumps(FAMILY))
    settings = {"household": "family.yaml", "rebinding": {"allow": ["127.0.0.0/8", "::1/128"]}}
    with ExitStack() as stack:
        upstream = stack.enter_context(unbound(folder / "upstream", *authority(folder)))
        program = stack.enter_context(running(folder, settings, upstreams=[upstream]))
        fronts = {}
        for number, (modules, source) in enumerate((m, s) for m in MODULES for s in (MIA, TOM)):
            clauses = forwarder(program.port, modules, source)
            front = unbound(folder / f"front-{number}", *clauses)
            fronts[modules, source] = stack.enter_context(front)
        yield Beside(program, upstream, fronts)


MODULES = ("iterator", "validator iterator")


def ask(port: int, name: str, rtype: str, *, source: str = MIA, tcp: bool = False) -> Message:
    """Ask as a validating resolver does, and once more over TCP where the reply was cut."""
    query = dns.message.make_query(name, rtype, use_edns=0, payload=1232, want_dnssec=True)
    if not tcp:
        reply = dns.query.udp(query, "127.0.0.1", PATIENCE, port, source=source)
        if not reply.flags & dns.flags.TC:
            return reply
    return dns.query.tcp(query, "127.0.0.1", PATIENCE, port, source=source)


ALLOWED = [
    ("school.example", "A"),
    ("school.example", "AAAA"),
    ("school.example", "MX"),
    ("school.example", "HTTPS"),
    ("School.EXAMPLE", "TXT"),  # NODATA
    ("alias.example", "A"),
    ("alias.example", "MX"),
    ("alias.example", "TXT"),  # a CNAME, then NODATA
    ("alias.example", "CNAME"),
    ("lost.example", "A"),  # a CNAME to where there is nothing
    ("nowhere.example", "A"),
    ("a.nowhere.example", "AAAA"),
    ("large.example", "TXT"),  # too large for a datagram
    ("chess.games.example", "A"),
    ("example", "SOA"),
]
# Where a zone only says where a name leads to, a resolver goes there and finds nothing.
LEAD_NOWHERE = {"lost.example", "nowhere.example", "a.nowhere.example"}


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(("name", "rtype"), ALLOWED)
def test_what_unbound_says_as_our_upstream_is_what_we_say(
    beside: Beside, name: str, rtype: str, tcp: bool
) -> None:
    theirs = ask(beside.upstream, name, rtype, tcp=tcp)
    for _ in ("asked", "kept"):
        ours = ask(beside.program.port, name, rtype, tcp=tcp)
        assert ours.rcode() == theirs.rcode()
        assert ours.question[0].name.labels == theirs.question[0].name.labels
        assert set(sets_of(ours.answer)) == set(sets_of(theirs.answer))
        assert set(sets_of(ours.authority)) == set(sets_of(theirs.authority))


@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize("source", [MIA, TOM])
@pytest.mark.parametrize(("name", "rtype"), ALLOWED)
def test_what_is_allowed_passes_through_an_unbound_before_us(
    beside: Beside, name: str, rtype: str, source: str, modules: str
) -> None:
    truth = ask(beside.upstream, name, rtype)
    reply = ask(beside.fronts[modules, source], name, rtype)
    assert reply.rcode() == (dns.rcode.NXDOMAIN if name in LEAD_NOWHERE else truth.rcode())
    assert set(sets_of(reply.answer)) == set(sets_of(truth.answer))


@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize(
    ("name", "source", "rcode"),
    [
        ("casino.example", MIA, dns.rcode.NOERROR),
        ("casino.example", TOM, dns.rcode.NXDOMAIN),
        ("www.casino.example", TOM, dns.rcode.NXDOMAIN),
        ("cloak.example", MIA, dns.rcode.NOERROR),
        ("cloak.example", TOM, dns.rcode.NOERROR),  # not the name asked is blocked, but its target
        ("games.example", MIA, dns.rcode.NOERROR),
        ("games.example", TOM, dns.rcode.NOERROR),  # a name below it is allowed
        ("go.games.example", TOM, dns.rcode.NXDOMAIN),
    ],
)
def test_a_block_passes_through_an_unbound_before_us(
    beside: Beside, name: str, source: str, rcode: dns.rcode.Rcode, modules: str
) -> None:
    front = beside.fronts[modules, source]
    for tcp in (False, True):
        reply = ask(front, name, "A", tcp=tcp)
        assert reply.rcode() == rcode
        assert not reply.answer
        assert str(reply.authority[0].name) == f"{name}."  # the SOA says so of this name only
    first = ask(beside.program.port, name, "A", source=source)
    rule = "games.example" if "games" in name else "casino.example"
    assert ede_of(first) == (17, f"rule: {rule}")


@pytest.mark.parametrize("modules", MODULES)
@pytest.mark.parametrize("source", [MIA, TOM])
def test_a_block_denies_nothing_that_is_allowed_below_it(
    beside: Beside, source: str, modules: str
) -> None:
    """Not even to a resolver that takes NXDOMAIN for all names below (RFC 8020)."""
    front = beside.fronts[modules, source]
    for name in ("games.example", "go.games.example", "casino.example"):
        assert not ask(front, name, "A").answer
    reply = ask(front, "chess.games.example", "A")
    assert [str(each) for each in reply.answer[0]] == ["127.0.0.5"]


# --- response policy zones ------------------------------------------------------------------------

ANYTHING = """
$ORIGIN example.
@   300 SOA ns hostmaster 1 3600 600 86400 60
@   300 NS  ns
ns  300 A   127.0.0.53
*   300 A   203.0.113.9
b   300 A   198.51.100.7
"""
ZONE_OF_A_LIST = """$TTL 60
@ SOA localhost. root.localhost. 1 3600 600 86400 60
  NS localhost.
ads.example CNAME .
*.ads.example CNAME .
ok.ads.example CNAME rpz-passthru.
only.example CNAME .
*.below.example CNAME *.
nothing.example CNAME *.
null.example A 0.0.0.0
*.open.example CNAME rpz-passthru.
bad.open.example CNAME .
*.deep.example CNAME .
x.y.deep.example CNAME .
24.0.100.51.198.rpz-ip CNAME .
"""
PROBES = [
    *("ads.example", "x.ads.example", "ok.ads.example", "x.ok.ads.example", "loads.example"),
    *("only.example", "x.only.example", "below.example", "x.below.example", "y.x.below.example"),
    *("nothing.example", "null.example", "a.example", "b.example", "chess.games.example"),
    *("open.example", "x.open.example", "bad.open.example", "x.bad.open.example"),
    *("y.deep.example", "z.y.deep.example", "x.y.deep.example", "a.x.y.deep.example"),
    *("q.deep.example", "deep.example"),
    *("games.example", "x.games.example", "mine.example", "x.mine.example", "free.example"),
]


@contextmanager
def zone_reader(folder: Path, zone: str) -> Iterator[int]:
    """Run an unbound that knows every name below example, and has a response policy zone."""
    folder.mkdir()
    (folder / "example.zone").write_text(ANYTHING)
    (folder / "list.rpz").write_text(zone)
    clauses = [
        f'auth-zone:\n  name: "example"\n  zonefile: "{folder / "example.zone"}"\n'
        "  for-downstream: no",
        f'rpz:\n  name: "list.rpz"\n  zonefile: "{folder / "list.rpz"}"',
    ]
    with unbound(folder / "run", ['module-config: "respip iterator"'], *clauses) as port:
        yield port


def blocked_by_unbound(port: int, names: Sequence[str]) -> dict[str, bool]:
    """Tell of each name whether unbound withholds the address that it has."""
    found = {}
    for name in names:
        query = dns.message.make_query(name, "A")
        reply = dns.query.udp(query, "127.0.0.1", timeout=PATIENCE, port=port)
        assert reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN), name
        found[name] = not any(
            record.address != "0.0.0.0" for each in reply.answer for record in each
        )
    return found


def test_a_zone_is_read_as_unbound_reads_it(tmp_path: Path) -> None:
    parsed = parse_list(ZONE_OF_A_LIST, ListFormat.RPZ)
    assert parsed.unused == {SkipReason.DUPLICATE: 1}
    info = ListInfo(0, "zone", ListKind.CATEGORY, "zone", "1")
    index = DictIndex([(info, parsed.entries)], [parsed.special])
    networks, lists = index.special.networks[0], ListSet([info])
    rules = ListRules(index.special, ())
    address = {"b.example": "198.51.100.7"}
    ours = {
        name: lists.find(rules.resolve(index.find(name), name, 1)) is not None
        or bool(networks.find(ip_address(address.get(name, "203.0.113.9")).packed))
        for name in PROBES
    }
    with zone_reader(tmp_path / "read", ZONE_OF_A_LIST) as port:
        assert blocked_by_unbound(port, PROBES) == ours
    assert set(ours.values()) == {True, False}


@pytest.mark.parametrize("default", [Default.ALLOW, Default.ALLOWLIST])
def test_a_zone_that_copdns_writes_says_to_unbound_what_copdns_decides(
    tmp_path: Path, default: Default
) -> None:
    adblock = "||ads.example^\n@@||ok.ads.example^\n||only.example^$denyallow=x.only.example"
    made = policy(
        replace(MIA_PROFILE, categories=frozenset({"games", "ads"}), default=default),
        block("mine.example"),
        allow("=free.example"),
        allow("chess.games.example"),
        categories={"games": ["games.example", "*.below.example", "free.example"]},
        protected={"child_helpline": ["nothing.example"]},
        written={
            "ads": (ListKind.CATEGORY, "ads", ListFormat.ADBLOCK, adblock),
            "addresses": (ListKind.CATEGORY, "ads", ListFormat.ADDRESSES, "198.51.100.0/24"),
        },
    )
    lines = list(zone_lines(made, 7, "the zone of a test"))
    ours = {name: decide(made, name, 1, 0.0).blocks for name in PROBES}
    ours["b.example"] = True  # by its address, if not by its name
    with zone_reader(tmp_path / "written", "\n".join(lines) + "\n") as port:
        assert blocked_by_unbound(port, PROBES) == ours
    assert set(ours.values()) == {True, False}
