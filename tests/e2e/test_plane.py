"""dnsdist with policies of copdns: what each subscriber is answered, and how soon that changes."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import pytest

from copdns.model.errors import PlaneError
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.verdict import Reason
from copdns.provider.law.hashed_list import read_hashed
from copdns.provider.plane.block_counts import UPTIME
from copdns.provider.plane.dnsdist import Tenant
from copdns.provider.plane.road import MOST_SETS
from copdns.provider.plane.short_cut_layout import (
    ENTRY,
    PREFIXES_FILE,
    group_code,
    place_prefix,
)
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    SpecialNames,
    Subscriber,
)
from copdns.provider.rollout.figures import STATISTICS_FILE, read_counters
from tests.conftest import find_tool
from tests.e2e.house import House, eventually, house
from tests.e2e.plane import (
    DEFAULT_GROUP,
    SITE,
    Node,
    check_config,
    front,
    key,
    resolver,
    running_node,
    told,
)
from tests.e2e.upstream import has
from tests.encrypted_server import make_certificate
from tests.hashed_lists import write_hashed
from tests.running import PATIENCE, free_port

pytestmark = pytest.mark.tools

OPEN = "127.0.0.80"  # the address of every name
# Subscribers: children of 8, an adult's home, a home asleep; two with rules of their own.
CHILD, ADULT, ASLEEP = "127.0.0.11", "127.0.0.12", "127.0.0.13"
MIA, TOM = "127.0.0.14", "127.0.0.15"
STRANGER = "127.0.0.66"  # whom no binding names
CHILDREN, ADULTS, NIGHT = 1, 2, 3  # groups
GUEST, YOUNG, GROWN, CLOSED = 0, 1, 2, 3  # classes

CLASSES = {
    GUEST: PolicyClass(frozenset({"gambling"})),
    YOUNG: PolicyClass(
        frozenset({"gambling", "games", "self_harm", "trackers"}),
        safe_search=frozenset({"engine"}),
    ),
    GROWN: PolicyClass(),
    CLOSED: PolicyClass(closed=Reason.SCHEDULE, always_open=frozenset({"music"})),
}
SPECIAL = SpecialNames(
    help=(Matcher("help.example"),),
    reference=(Matcher("encyclopedia.example"),),
    untraced=(Matcher("stat.help.example"),),
    engines={"engine": (Matcher("www.engine.example", MatchKind.EXACT),)},
)
HASHED = read_hashed(
    write_hashed(
        ("hidden.example", "help.example"), "A hotline", "7", 9_000_000_000, bytes(range(16))
    ),
    "a list of hashes",
)
LISTED = ListedNames(
    (
        NameList("gambling", Layer.FAMILY, (Matcher("casino.example"),)),
        NameList("games", Layer.FAMILY, (Matcher("games.example"), Matcher("chat.help.example"))),
        NameList("music", Layer.FAMILY, (Matcher("songs.example"),)),
        NameList("self_harm", Layer.FAMILY, (Matcher("cuts.example"),)),
        NameList("malware", Layer.SECURITY, (Matcher("evil.games.example"),)),
        NameList("court", Layer.LAW, (Matcher("forbidden.example", MatchKind.EXACT),)),
        NameList("trackers", Layer.FAMILY, (Matcher("stat.help.example"),)),
    ),
    SPECIAL,
    (HASHED,),
)
FIRST = PlaneSnapshot(
    1,
    (
        Subscriber(key(CHILD), CHILDREN),
        Subscriber(key(ADULT), ADULTS),
        Subscriber(key(ASLEEP), NIGHT),
        Subscriber(key(MIA), CHILDREN, "mia"),
        Subscriber(key(TOM), CHILDREN, "tom"),
    ),
    {
        CHILDREN: Group(YOUNG),
        ADULTS: Group(GROWN),
        NIGHT: Group(CLOSED),
        DEFAULT_GROUP: Group(GUEST),
    },
    CLASSES,
    LISTED,
    ("blog.example",),
)
# What copdns knows of the two.
FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "block": ["blog.example"]}
        | {"devices": {"tablet": [MIA]}},
        "tom": {"name": "Tom", "band": "13-15", "allow": ["blog.example"]}
        | {"devices": {"phone": [TOM]}},
    },
}
PROXIED = {"network": "127.0.0.1", "proxy": True}
SAFE = "127.0.0.99"
LARGE = [f"TXT {'x' * 200}{each}" for each in range(4)]  # more than a datagram without EDNS takes
LEADS = {  # by a CNAME record
    "market.example": "www.Casino.example",
    "cdn.example": "evil.games.example",
    "later.example": "late.example",
    "www.encyclopedia.example": "casino.example",
    "lyrics.songs.example": "games.example",
    "hits.songs.example": "casino.example",
    "line.help.example": "casino.example",
}


@pytest.fixture(scope="module")
def copdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The lane for rules of a household's own."""
    settings = {"dns": {"listen": ["127.0.0.1"], "forwarders": [PROXIED]}}
    says = {
        "safe.engine.example": has(f"A {SAFE}"),
        "cloak.example": has("CNAME forbidden.example.", f"A {OPEN}"),
        "detour.example": has("CNAME chat.help.example.", f"A {OPEN}"),
        "veil.example": has("CNAME www.Hidden.example.", f"A {OPEN}"),
        "over.help.example": has("CNAME hidden.example.", f"A {OPEN}"),
        **{name: has(f"CNAME {target}.", f"A {OPEN}") for name, target in LEADS.items()},
        "large.example": has("CNAME large.casino.example."),
        "large.casino.example": has(*LARGE),
        "modern.example": has("HTTPS 1 www.Casino.example. alpn=h2"),
    }
    with house(tmp_path_factory.mktemp("copdns"), settings, FAMILY, says) as home:
        yield home


def encrypted(folder: Path) -> dict[str, Any]:
    """Return the settings with which dnsdist answers over TLS and HTTPS as well."""
    both = str(make_certificate(folder).path)
    at = [(f"127.0.0.1:{free_port()}",) for _ in range(2)]
    return {"tls_listen": at[0], "https_listen": at[1], "certificate": both, "key": both}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, copdns: House) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    targets, to = {"engine": "safe.engine.example"}, copdns.upstream.address.port
    with (
        resolver(folder / "unbound", to, LISTED, targets) as unbound,
        running_node(folder, FIRST, unbound, copdns.program.port, **encrypted(folder)) as node,
    ):
        yield node


ANSWERS = [
    ("casino.example", CHILD, "NOERROR 17 category: gambling"),
    ("www.CASINO.example", CHILD, "NOERROR 17 category: gambling"),
    ("mycasino.example", CHILD, OPEN),
    ("casino.example", ADULT, OPEN),
    ("evil.games.example", ADULT, "NOERROR 15 security: malware"),
    ("evil.games.example", CHILD, "NOERROR 15 security: malware"),
    ("games.example", CHILD, "NOERROR 17 category: games"),
    ("forbidden.example", ADULT, "NXDOMAIN 16 legal"),
    ("www.forbidden.example", ADULT, OPEN),
    ("school.example", ASLEEP, "NOERROR 17 schedule"),
    ("songs.example", ASLEEP, OPEN),
    ("forbidden.example", ASLEEP, "NXDOMAIN 16 legal"),
    ("www.HIDDEN.example", ADULT, "NXDOMAIN 16 legal"),
    ("hidden.example", MIA, "NXDOMAIN 16 legal"),
    ("shidden.example", ADULT, OPEN),
    ("casino.example", STRANGER, "NOERROR 17 category: gambling"),
    ("games.example", STRANGER, OPEN),
]


@pytest.mark.parametrize(("name", "source", "answer"), ANSWERS)
def test_each_layer_blocks_for_whom_it_is_meant_and_says_so(
    node: Node, name: str, source: str, answer: str
) -> None:
    assert told(node.ask(name, source)) == answer


LONG = f"{'a' * 60}.b.c.d.e.f.g.{'h' * 60}"


def test_it_stays_so_once_the_road_is_compiled(node: Node) -> None:
    """LuaJIT compiles a way that was gone some fifty times: each query of a table, a hundred times,
    and of names that are longer than what the filter counts."""
    below = ((f"{LONG}.{name}", source, answer) for name, source, answer in ANSWERS)
    more = [each for each in below if not each[0].endswith(".forbidden.example")]
    for _ in range(100):
        for name, source, answer in (*ANSWERS, *more):
            assert told(node.ask(name, source)) == answer, (name, source)


@pytest.mark.parametrize("source", [CHILD, ADULT, ASLEEP, MIA, STRANGER])
def test_a_help_name_passes_for_everybody(node: Node, source: str) -> None:
    reply = node.ask("chat.help.example", source)
    assert told(reply) == OPEN
    assert reply.answer[0].ttl == 60


def test_what_only_measures_visitors_of_a_help_site_may_be_blocked(node: Node) -> None:
    for source in (ADULT, ADULT, STRANGER):  # as of a help name, no cache here has the answer
        reply = node.ask("stat.help.example", source)
        assert (told(reply), reply.answer[0].ttl) == (OPEN, 60)
    assert told(node.ask("stat.help.example", CHILD)) == "NOERROR 17 category: trackers"


LAST_OCTETS = {  # of a query: nothing more, an A record in place of OPT, and OPT in three kinds
    "plain": b"",
    "slow": b"\0\0\x01\0\x01\0\0\0\0\0\0",
    "edns": b"\0\0\x29\x10\0\0\0\0\0\0\0",
    "dnssec": b"\0\0\x29\x10\0\0\0\x80\0\0\0",
    "slow edns": b"\0\0\x29\x10\0\0\x01\0\0\0\0",
    "slow dnssec": b"\0\0\x29\x10\0\0\x01\x80\0\0\0",
}


@pytest.mark.parametrize("name", ["www.CaSiNo.example", "evil.games.example", "forbidden.example"])
@pytest.mark.parametrize("flags", [0x0100, 0, 0x0130, 0x0030])
def test_the_road_answers_a_block_as_dnsdists_own_action_does(
    node: Node, name: str, flags: int
) -> None:
    """The second half of the kinds is none that the road answers itself."""
    question = dns.name.from_text(name).to_wire() + b"\0\x01\0\x01"

    def ask(kind: str) -> bytes:
        last = LAST_OCTETS[kind]
        counts = b"\0\x01\0\0\0\0\0" + bytes([bool(last)])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.bind((CHILD, 0))
            sock.connect(("127.0.0.1", node.port))
            sock.send(b"\x12\x34" + flags.to_bytes(2) + counts + question + last)
            return sock.recv(4096)

    for kind in ("plain", "edns", "dnssec"):
        slow = "slow" if kind == "plain" else f"slow {kind}"
        assert ask(kind) == ask(slow), kind


def test_a_search_engine_gets_its_safe_host_where_the_class_has_it(node: Node) -> None:
    assert told(node.ask("www.engine.example", ADULT)) == OPEN
    for _ in range(2):
        reply = node.ask("www.engine.example", CHILD)
        assert told(reply) == f"safe.engine.example. {SAFE}"
        assert [int(each.otype) for each in reply.options] == [dns.edns.OptionType.EDE]
    assert told(node.ask("mail.www.engine.example", CHILD)) == OPEN
    assert told(node.ask("www.engine.example", ADULT)) == OPEN


def test_what_the_law_forbids_is_not_reached_by_a_detour_and_help_is(node: Node) -> None:
    assert node.ask("cloak.example", ADULT).rcode() == dns.rcode.NXDOMAIN
    assert told(node.ask("detour.example", ADULT)) == f"chat.help.example. {OPEN}"


def test_a_block_is_in_force_within_a_second_and_the_neighbour_is_answered(node: Node) -> None:
    assert told(node.ask("chat.example", CHILD)) == OPEN  # warm
    lists = (*LISTED.lists, NameList("chat", Layer.FAMILY, (Matcher("chat.example"),)))
    classes = CLASSES | {4: PolicyClass(frozenset({"chat"}))}
    node.change(PlaneChange(node.next, classes=classes, listed=ListedNames(lists, SPECIAL)))
    assert told(node.ask("chat.example", CHILD)) == OPEN
    node.change(PlaneChange(node.next, [Subscriber(key(CHILD), 4)], groups={4: Group(4)}))
    took = eventually(lambda: told(node.ask("chat.example", CHILD)).startswith("NOERROR 17"))
    assert took < 1.0
    assert told(node.ask("chat.example", ADULT)) == OPEN
    assert told(node.ask("chat.help.example", CHILD)) == OPEN
    node.change(PlaneChange(node.next, [Subscriber(key(CHILD), CHILDREN)]))
    eventually(lambda: told(node.ask("chat.example", CHILD)) == OPEN)


def test_what_is_remembered_of_a_name_ends_with_its_list_and_is_nobodys_rule(node: Node) -> None:
    fewer = ListedNames(LISTED.lists[1:], SPECIAL, LISTED.hashed)
    for _ in range(2):
        node.change(PlaneChange(node.next, listed=LISTED, classes=CLASSES))
        eventually(lambda: told(node.ask("casino.example", CHILD)) != OPEN)
        for _ in range(3):
            assert told(node.ask("casino.example", CHILD)) == "NOERROR 17 category: gambling"
            assert told(node.ask("casino.example", ADULT)) == OPEN
            assert told(node.ask("blog.example", CHILD)) == OPEN
            assert told(node.ask("blog.example", MIA)) != OPEN
        node.change(PlaneChange(node.next, listed=fewer, classes=CLASSES))
        eventually(lambda: told(node.ask("casino.example", CHILD)) == OPEN)
    node.change(PlaneChange(node.next, listed=LISTED, classes=CLASSES))


def test_more_names_of_a_listed_site_than_are_remembered_are_blocked_all_the_same(
    node: Node,
) -> None:
    eventually(lambda: told(node.ask("casino.example", CHILD)) != OPEN)
    wire = dns.message.make_query("nnnnnn.casino.example", "A", use_edns=True).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind((CHILD, 0))
        sock.connect(("127.0.0.1", node.port))
        for number in (*range(MOST_SETS + 100), 0, 1):
            sock.send(wire.replace(b"nnnnnn", b"%06d" % number))
            reply = dns.message.from_wire(sock.recv(4096))
            assert told(reply) == "NOERROR 17 category: gambling"


def test_a_name_on_a_list_of_hashes_is_gone_while_the_list_holds(node: Node) -> None:
    def is_open(name: str) -> bool:
        return told(node.ask(name, ADULT)) == OPEN

    node.change(PlaneChange(node.next, listed=LISTED, classes=CLASSES))  # others had changed it
    eventually(lambda: not is_open("late.hidden.example"))
    node.change(PlaneChange(node.next, listed=replace(LISTED, hashed=()), classes=CLASSES))
    eventually(lambda: is_open("late.hidden.example"))
    assert is_open("late.hidden.example"), "and kept"
    node.change(PlaneChange(node.next, listed=LISTED, classes=CLASSES))
    eventually(lambda: not is_open("late.hidden.example"))
    assert not is_open("late.hidden.example"), "what was kept is gone"
    octets = b"".join(each.read_bytes() for each in (node.folder / "tables").glob("*.mdb"))
    assert b"hidden" not in octets


def test_a_name_on_a_list_of_hashes_is_not_reached_by_a_detour_and_help_is(node: Node) -> None:
    for source in (ADULT, MIA):
        for _ in range(2):
            assert told(node.ask("veil.example", source)) == "NXDOMAIN 16 legal"
    assert told(node.ask("over.help.example", ADULT)) == f"hidden.example. {OPEN}"
    assert told(node.ask("detour.example", ADULT)) == f"chat.help.example. {OPEN}"


GAMBLING, MALWARE = "NOERROR 17 category: gambling", "NOERROR 15 security: malware"


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("market.example", {CHILD: GAMBLING, ADULT: f"www.Casino.example. {OPEN}", MIA: GAMBLING}),
        ("cdn.example", {ADULT: MALWARE, CHILD: MALWARE, STRANGER: MALWARE}),
        # At bedtime what is open may lead to what time closes, and not to what a list does.
        ("lyrics.songs.example", {ASLEEP: f"games.example. {OPEN}"}),
        ("line.help.example", dict.fromkeys((CHILD, ADULT), f"casino.example. {OPEN}")),
    ],
)
def test_what_leads_to_a_listed_name_is_for_each_class_as_that_name_is(
    node: Node, name: str, answers: dict[str, str]
) -> None:
    for _ in range(3):
        assert {each: told(node.ask(name, each)) for each in answers} == answers


def test_a_truncated_answer_opens_nothing_and_the_whole_one_is_looked_at(node: Node) -> None:
    def ask(source: str, over: Callable[..., dns.message.Message]) -> dns.message.Message:
        query = dns.message.make_query("large.example", "TXT", use_edns=over is dns.query.tcp)
        return over(query, "127.0.0.1", PATIENCE, node.port, source=source)

    assert ask(ADULT, dns.query.udp).flags & dns.flags.TC
    assert len(ask(ADULT, dns.query.tcp).answer[1]) == len(LARGE)
    assert not ask(CHILD, dns.query.udp).answer
    assert told(ask(CHILD, dns.query.tcp)) == GAMBLING


def test_a_block_inside_a_response_is_counted_as_one_of_the_name(node: Node) -> None:
    seen: dict[str, int] = {}

    def reads(holds: Callable[[], bool]) -> bool:
        with suppress(PlaneError):  # it is just being written
            seen.update(read_counters((node.folder / "tables" / STATISTICS_FILE).read_text()))
            return holds()
        return False

    counted = "copdns-blocks-security"
    eventually(lambda: reads(lambda: True))
    begun = seen[UPTIME]
    eventually(lambda: reads(lambda: seen[UPTIME] >= begun + 2))  # what was asked before is in it
    before = seen[counted]
    for _ in range(3):
        assert told(node.ask("cdn.example", ADULT)) == MALWARE
    eventually(lambda: reads(lambda: seen[counted] == before + 3))


def test_an_https_record_that_leads_to_a_listed_name_is_withheld(node: Node) -> None:
    assert told(node.ask("modern.example", CHILD, "HTTPS")) == GAMBLING
    assert "www.Casino.example" in told(node.ask("modern.example", ADULT, "HTTPS"))


def test_a_block_inside_a_response_is_the_same_answer_as_one_of_the_name(node: Node) -> None:
    for options in ({"use_edns": 0}, {"use_edns": False}, {"want_dnssec": True}):

        def ask(name: str, options: dict[str, Any] = options) -> bytes:
            query = dns.message.make_query(name, "A", id=7, **options)
            reply = dns.query.udp(query, "127.0.0.1", PATIENCE, node.port, source=CHILD)
            return reply.to_wire().replace(query.question[0].name.to_wire(), b"")

        assert ask("market.example") == ask("casino.example"), options


def test_what_was_kept_before_a_list_had_it_is_looked_at_again(node: Node) -> None:
    leads = f"late.example. {OPEN}"
    assert [told(node.ask("later.example", each)) for each in (CHILD, ADULT, CHILD)] == [leads] * 3
    lists = (*LISTED.lists, NameList("late", Layer.FAMILY, (Matcher("late.example"),)))
    young = PolicyClass(CLASSES[YOUNG].blocks | {"late"})
    listed = replace(LISTED, lists=lists)
    node.change(PlaneChange(node.next, classes=CLASSES | {YOUNG: young}, listed=listed))
    eventually(lambda: told(node.ask("later.example", CHILD)) == "NOERROR 17 category: late")
    assert told(node.ask("later.example", ADULT)) == leads
    node.change(PlaneChange(node.next, classes=CLASSES, listed=LISTED))
    assert told(node.ask("later.example", CHILD)) == leads


def test_bedtime_closes_a_group_and_limits_what_is_kept_before(node: Node) -> None:
    assert node.ask("homework.example", CHILD).answer[0].ttl == 300
    node.change(PlaneChange(node.next, groups={CHILDREN: Group(YOUNG, is_closing_soon=True)}))
    eventually(lambda: node.ask("homework.example", CHILD).answer[0].ttl == 60)
    assert node.ask("homework.example", ADULT).answer[0].ttl == 300
    assert told(node.ask("casino.example", CHILD)) == "NOERROR 17 category: gambling"
    node.change(PlaneChange(node.next, groups={CHILDREN: Group(CLOSED)}))
    eventually(lambda: told(node.ask("homework.example", CHILD)) == "NOERROR 17 schedule")
    node.change(PlaneChange(node.next, groups={CHILDREN: Group(YOUNG)}))
    eventually(lambda: told(node.ask("homework.example", CHILD)) == OPEN)


NSID = dns.edns.OptionType.NSID


def test_while_copdns_is_away_the_class_decides(node: Node) -> None:
    """A second dnsdist reads the same tables; where it looks for copdns, nobody is."""
    port = free_port()
    listen = (f"127.0.0.1:{port}",)
    copdns = (f"127.0.0.1:{free_port()}",)
    other = replace(node.settings, listen=listen, copdns=copdns, tls_listen=(), https_listen=())
    folder = node.folder / "other"
    folder.mkdir()
    with front(folder, other):
        alone = replace(node, port=port)
        eventually(lambda: told(alone.ask("blog.example", MIA)) == OPEN)
        assert told(alone.ask("casino.example", MIA)) == "NOERROR 17 category: gambling"


def test_an_ipv6_prefix_of_56_bits_is_a_subscriber_and_another_one_a_stranger(node: Node) -> None:
    port, networks = free_port(), (ip_network("::/8"),)
    tenants = (Tenant((ip_network("192.0.2.0/24"),), ADULTS), Tenant(networks, DEFAULT_GROUP))
    other = replace(node.settings, listen=(f"[::1]:{port}",), tls_listen=(), https_listen=())
    folder = node.folder / "six"
    folder.mkdir()

    def ask(name: str) -> str:
        query = dns.message.make_query(name, "A", use_edns=0)
        return told(dns.query.udp(query, "::1", PATIENCE, port))

    with front(folder, replace(other, tenants=tenants)):
        assert ask("games.example") == OPEN
        assert ask("casino.example") == "NOERROR 17 category: gambling"
        node.change(PlaneChange(node.next, [Subscriber(key("::/56"), CHILDREN)]))
        assert ask("a.b.c.d.e.GAMES.example") == "NOERROR 17 category: games"
        assert ask("chat.help.example") == OPEN
        with (node.folder / "tables" / PREFIXES_FILE).open("r+b") as file:  # not the table
            at, entry = place_prefix(key("::/56"))
            file.seek(at * ENTRY)
            file.write((entry | group_code(b"003-")).to_bytes(ENTRY, "little"))
        assert ask("games.example") == "NOERROR 17 schedule"
        node.change(PlaneChange(node.next, [Subscriber(key("::/56"), CHILDREN)]))
        assert ask("games.example") == "NOERROR 17 category: games"
        node.change(PlaneChange(node.next, gone_addresses=[key("::/56")]))
        assert ask("games.example") == OPEN


# Moves a subscriber to and fro as fast as it can, and says so each time.
WRITER = """
import itertools, sys
from pathlib import Path
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import PlaneRows, PlaneTable

files = PlaneFiles(Path(sys.argv[1]))
for turn in itertools.count():
    row = (bytes([127, 0, 0, 99]), b"003-" if turn % 2 else b"002-")
    files.write(PlaneRows({PlaneTable.SUBSCRIBERS: [row]}))
    print(turn, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_tables_and_the_next_one_goes_on(node: Node) -> None:
    """Before the end: the agent of this node is another process, so two wait for each other."""
    command = [sys.executable, "-c", WRITER, str(node.folder / "tables")]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(50):
                writer.stdout.readline()
            answers = {told(node.ask("school.example", "127.0.0.99")) for _ in range(20)}
            writer.kill()
        assert answers <= {OPEN, "NOERROR 17 schedule"}
        node.change(PlaneChange(node.next, [Subscriber(key("127.0.0.99"), NIGHT)]))
        assert told(node.ask("school.example", "127.0.0.99")) == "NOERROR 17 schedule"
        node.change(PlaneChange(node.next, [Subscriber(key("127.0.0.99"), ADULTS)]))
        assert told(node.ask("school.example", "127.0.0.99")) == OPEN


def test_over_tls_and_https_it_is_the_same(node: Node) -> None:
    query = dns.message.make_query("casino.example", "A", use_edns=0)
    at = {"where": "127.0.0.1", "timeout": PATIENCE, "source": CHILD, "verify": False}
    over_tls = dns.query.tls(query, port=node.tls_port, **at)
    over_https = dns.query.https(query, port=node.https_port, **at)
    assert [told(over_tls), told(over_https)] == ["NOERROR 17 category: gambling"] * 2


def test_a_dnsdist_without_rates_of_connections_reads_its_configuration(node: Node) -> None:
    """As 1.9 is, which has none of these functions."""
    folder = node.folder / "older"
    folder.mkdir()
    path = check_config(folder, replace(node.settings, is_public=True))
    newer = set(re.findall(r"^  (set\w+)\(\d+\)$", path.read_text(), re.MULTILINE))
    assert len(newer) == 5
    path.write_text("".join(f"{each} = nil\n" for each in newer) + path.read_text())
    command = [find_tool("dnsdist"), "--check-config", "-C", str(path)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_nsid_names_the_site_and_the_revision(node: Node) -> None:
    node.change(PlaneChange(node.next))
    for name in ("open.example", "open.example", "casino.example"):
        eventually(partial(_is_told, node, name, f"{SITE}/{node.agent.revision}"))
    untold = node.ask("open.example", CHILD).options
    assert [each for each in untold if each.otype == NSID] == [], "who does not ask is not told"


def _is_told(node: Node, name: str, nsid: str) -> bool:
    asked = [dns.edns.GenericOption(NSID, b"")]
    query = dns.message.make_query(name, "A", use_edns=0, options=asked)
    reply = dns.query.udp(query, "127.0.0.1", PATIENCE, node.port, source=CHILD)
    return [each.to_text() for each in reply.options if each.otype == NSID] == [f"NSID {nsid}"]
