"""A failed validation through dnsdist: it says what it is, and never looks like a block of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import dns.edns
import dns.rcode
import pytest

from copdns.model.matchers import Matcher, MatchKind
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneSnapshot,
    PolicyClass,
    SpecialNames,
    Subscriber,
)
from tests.e2e.house import POINTS_HOME
from tests.e2e.plane import (
    DEFAULT_GROUP,
    Node,
    front,
    key,
    resolver,
    running_node,
    told,
)
from tests.e2e.signed_zone import FORGED, signed_server
from tests.running import free_port, running

pytestmark = pytest.mark.tools

ZONE = """
@       300 SOA ns hostmaster 1 3600 600 86400 60
@       300 NS  ns
ns      300 A   192.0.2.53
www     300 A   192.0.2.80
broken  300 A   192.0.2.81
casino  300 A   192.0.2.82
safe    300 A   192.0.2.83
cloak   300 CNAME broken
"""
BROKEN, CASINO, SAFE = "broken.signed.example", "casino.signed.example", "safe.signed.example"
ENGINE = "www.engine.example"
PLAIN, CHILD, SOON, MIA, TOM = (f"127.0.0.{number}" for number in range(11, 16))
ADULTS, CHILDREN, CLOSING = 1, 2, 3  # groups
GROWN, YOUNG = 0, 1  # classes
LISTED = ListedNames(
    (NameList("gambling", Layer.FAMILY, (Matcher(CASINO),)),),
    SpecialNames(engines={"engine": (Matcher(ENGINE, MatchKind.EXACT),)}),
)
FIRST = PlaneSnapshot(
    1,
    (
        Subscriber(key(PLAIN), ADULTS),
        Subscriber(key(CHILD), CHILDREN),
        Subscriber(key(SOON), CLOSING),
        Subscriber(key(MIA), ADULTS, "mia"),
        Subscriber(key(TOM), CHILDREN, "tom"),
    ),
    {
        ADULTS: Group(GROWN),
        CHILDREN: Group(YOUNG),
        CLOSING: Group(YOUNG, is_closing_soon=True),
        DEFAULT_GROUP: Group(GROWN),
    },
    {
        GROWN: PolicyClass(),
        YOUNG: PolicyClass(frozenset({"gambling"}), safe_search=frozenset({"engine"})),
    },
    LISTED,
    ("signed.example",),
)
# Both have a rule that leaves open what is asked here; Tom's class would block one of the names.
FAMILY = {
    "household": "Example family",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "allow": ["signed.example"]}
        | {"devices": {"tablet": [MIA]}},
        "tom": {"name": "Tom", "band": "13-15", "allow": [CASINO]} | {"devices": {"phone": [TOM]}},
    },
}
OF_VALIDATION = set(range(5, 13))  # extended errors (RFC 8914)
FAILED_BEFORE = {13}  # what copdns says of a name that failed a moment ago


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    with ExitStack() as stack:
        forged = ("broken", "casino", "safe")
        zone = signed_server(folder / "signed", "signed.example", ZONE, forged)
        at, anchor = stack.enter_context(zone)
        where = f"stub-addr: 127.0.0.1@{at}\n"
        unbound = stack.enter_context(
            resolver(
                folder / "unbound",
                at,
                LISTED,
                {"engine": SAFE},
                f'stub-zone:\n  name: "signed.example"\n  {where}'
                f'server:\n  trust-anchor: "{anchor}"\n',
            )
        )
        household = folder / "household.yaml"
        household.write_text(json.dumps(FAMILY))
        listens = {"listen": ["127.0.0.1"], "forwarders": [{"network": "127.0.0.1", "proxy": True}]}
        lane = stack.enter_context(
            running(
                folder,
                {"dns": listens, "household": str(household)},
                upstreams=[unbound],
                environment=POINTS_HOME,
            )
        )
        yield stack.enter_context(running_node(folder, FIRST, unbound, lane.port))


def failed(node: Node, name: str, source: str) -> None:
    """Look whether the answer is a failed validation, and nothing else; twice, for the caches."""
    for allowed in (OF_VALIDATION, OF_VALIDATION | FAILED_BEFORE):
        reply = node.ask(name, source)
        errors = [int(each.code) for each in reply.options if isinstance(each, dns.edns.EDEOption)]
        assert reply.rcode() == dns.rcode.SERVFAIL, told(reply)
        assert not reply.answer
        assert errors, "it does not say why"
        assert set(errors) <= allowed, told(reply)


@pytest.mark.parametrize("name", [BROKEN, "cloak.signed.example"])
@pytest.mark.parametrize("source", [PLAIN, CHILD, SOON, MIA, TOM])
def test_a_forged_name_fails_in_each_lane_as_what_it_is(node: Node, name: str, source: str) -> None:
    """No lane but the resolver's, a class with something to say, a household's own."""
    assert told(node.ask("www.signed.example", source)) == "192.0.2.80"
    failed(node, name, source)


def test_what_the_household_opens_for_itself_fails_as_what_it_is(node: Node) -> None:
    """copdns says SERVFAIL, and the class would block the name: neither becomes the other."""
    assert told(node.ask(CASINO, CHILD)) == "NOERROR 17 category: gambling"
    failed(node, CASINO, TOM)


def test_so_does_the_safe_host_of_a_search_engine(node: Node) -> None:
    failed(node, ENGINE, CHILD)
    assert FORGED not in told(node.ask(ENGINE, CHILD))


def test_while_copdns_is_away_it_is_the_same(node: Node) -> None:
    port = free_port()
    listen, nobody = (f"127.0.0.1:{port}",), (f"127.0.0.1:{free_port()}",)
    folder = node.folder / "other"
    folder.mkdir()
    with front(folder, replace(node.settings, listen=listen, copdns=nobody)):
        alone = replace(node, port=port)
        failed(alone, BROKEN, MIA)
        failed(alone, BROKEN, TOM)
        assert FORGED not in told(alone.ask(CASINO, TOM))
