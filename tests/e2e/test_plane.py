"""dnsdist with policies of copdns: what each subscriber is answered, and how soon that changes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest

from copdns.model.matchers import Matcher, MatchKind
from copdns.model.verdict import Reason
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.dnsdist import NodeSettings, Tenant
from copdns.provider.plane.files import PlaneFiles
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
from tests.e2e.house import House, eventually, house
from tests.e2e.plane import (
    DEFAULT_GROUP,
    SITE,
    KeptSource,
    Node,
    front,
    key,
    node_settings,
    resolver,
    told,
)
from tests.e2e.upstream import has
from tests.encrypted_server import make_certificate
from tests.replies import ede_of
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
        frozenset({"gambling", "games", "trackers"}), safe_search=frozenset({"engine"})
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
LISTED = ListedNames(
    (
        NameList("gambling", Layer.FAMILY, (Matcher("casino.example"),)),
        NameList("games", Layer.FAMILY, (Matcher("games.example"), Matcher("chat.help.example"))),
        NameList("music", Layer.FAMILY, (Matcher("songs.example"),)),
        NameList("malware", Layer.SECURITY, (Matcher("evil.games.example"),)),
        NameList("court", Layer.LAW, (Matcher("forbidden.example", MatchKind.EXACT),)),
        NameList("trackers", Layer.FAMILY, (Matcher("stat.help.example"),)),
    ),
    SPECIAL,
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


@pytest.fixture(scope="module")
def copdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The lane for rules of a household's own."""
    settings = {"dns": {"listen": ["127.0.0.1"], "forwarders": [PROXIED]}}
    says = {
        "safe.engine.example": has(f"A {SAFE}"),
        "cloak.example": has("CNAME forbidden.example.", f"A {OPEN}"),
        "detour.example": has("CNAME chat.help.example.", f"A {OPEN}"),
    }
    with house(tmp_path_factory.mktemp("copdns"), settings, FAMILY, says) as home:
        yield home


def encrypted(folder: Path, settings: NodeSettings) -> NodeSettings:
    """Let dnsdist answer over TLS and HTTPS as well."""
    both = str(make_certificate(folder).path)
    at = [(f"127.0.0.1:{free_port()}",) for _ in range(2)]
    return replace(settings, tls_listen=at[0], https_listen=at[1], certificate=both, key=both)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, copdns: House) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        targets = {"engine": "safe.engine.example"}
        to = copdns.upstream.address.port
        unbound = stack.enter_context(resolver(folder / "unbound", to, LISTED, targets))
        files = PlaneFiles(folder / "tables")
        stack.callback(files.close)
        source = KeptSource(FIRST)
        agent = NodeAgent(files, source)
        agent.catch_up()
        port = free_port()
        settings = node_settings(folder / "tables", port, unbound, copdns.program.port)
        settings = encrypted(folder, settings)
        stack.enter_context(front(folder, settings))
        yield Node(folder, port, settings, source, agent, files)


@pytest.mark.parametrize(
    ("name", "source", "answer"),
    [
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
        ("casino.example", STRANGER, "NOERROR 17 category: gambling"),
        ("games.example", STRANGER, OPEN),
    ],
)
def test_each_layer_blocks_for_whom_it_is_meant_and_says_so(
    node: Node, name: str, source: str, answer: str
) -> None:
    assert told(node.ask(name, source)) == answer


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


def test_two_households_never_read_each_others_answer(node: Node) -> None:
    """Opposite rules about one name, asked in turns over a warm cache and through changes."""
    name = "www.blog.example"
    assert told(node.ask(name, ADULT)) == OPEN
    blocked, answered = (0, (17, "rule: blog.example")), (1, None)
    right = {MIA: blocked, TOM: answered, CHILD: answered, ADULT: answered}
    with ExitStack() as stack:
        asking = {each: stack.enter_context(_asker(node.port, name, each)) for each in right}
        for turn in range(TURNS):
            if turn % (TURNS // 5) == 0:
                node.change(PlaneChange(node.next, new_exceptions=[f"n{turn}.example"]))
            for source, ask in asking.items():
                assert ask() == right[source]


NSID = dns.edns.OptionType.NSID
TURNS = 1_000  # of four questions


@contextmanager
def _asker(port: int, name: str, source: str) -> Iterator[Callable[[], object]]:
    """Give what asks from an address, and returns how many records and which EDE came back."""
    query = dns.message.make_query(name, "A", use_edns=0).to_wire()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.bind((source, 0))
        sock.connect(("127.0.0.1", port))

        def ask() -> object:
            sock.send(query)
            reply = dns.message.from_wire(sock.recv(4096))
            return len(reply.answer), ede_of(reply)

        yield ask


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


def test_nsid_names_the_site_and_the_revision(node: Node) -> None:
    node.change(PlaneChange(node.next))
    for name in ("open.example", "open.example", "casino.example"):
        eventually(partial(_is_told, node, name, f"{SITE}/{node.agent.revision}"))


def _is_told(node: Node, name: str, nsid: str) -> bool:
    asked = [dns.edns.GenericOption(NSID, b"")]
    query = dns.message.make_query(name, "A", use_edns=0, options=asked)
    reply = dns.query.udp(query, "127.0.0.1", PATIENCE, node.port, source=CHILD)
    return [each.to_text() for each in reply.options if each.otype == NSID] == [f"NSID {nsid}"]
