"""A provider's register at dnsdist: an order ends at its second, and a protected name is held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from copdns.model.matchers import Matcher
from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import HandLayer, HoldDecided, NameAdded
from copdns.provider.law.keys import ProviderKeys
from copdns.provider.law.register_in_force import next_change, with_register
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.snapshot import (
    NO_CLASS,
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
)
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.register_rows import RegisterStore
from tests.e2e.plane import (
    DEFAULT_GROUP,
    KeptSource,
    Node,
    front,
    key,
    node_settings,
    resolver,
    told,
)
from tests.e2e.upstream import upstream
from tests.postgres_server import running_postgres
from tests.provider_staff import ADA, BO, NOW, REVIEWER, SPECIAL, STAFF, order, staff_added
from tests.running import free_port

pytestmark = [pytest.mark.tools, pytest.mark.once]

OPEN = "127.0.0.80"
SUBSCRIBER = "127.0.0.11"
LISTED = ListedNames(
    (NameList("gambling", Layer.FAMILY, (Matcher("casino.example"),)),),
    SPECIAL,
)
POLICY = PolicyClass(frozenset({"gambling"}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("law")


@pytest.fixture(scope="module")
def register(folder: Path, stack: ExitStack) -> RegisterStore:
    keys = ProviderKeys(folder / "keys")
    keys.make()
    conninfo = stack.enter_context(running_postgres())
    households = stack.enter_context(ProviderStore.connect(PostgresPool(conninfo)))
    store = RegisterStore(households.pool, keys)
    for who in STAFF:
        store.write("console", NOW, lambda _, who=who: staff_added(who))  # type: ignore[misc]
    return store


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def node(folder: Path, stack: ExitStack) -> Node:
    to = stack.enter_context(upstream()).address.port
    unbound = stack.enter_context(resolver(folder / "unbound", to, LISTED, {}))
    source = KeptSource(
        PlaneSnapshot(
            1,
            [Subscriber(key(SUBSCRIBER), 1)],
            {1: Group(NO_CLASS), DEFAULT_GROUP: Group(NO_CLASS)},
            {NO_CLASS: POLICY},
            LISTED,
        )
    )
    files = PlaneFiles(folder / "tables")
    stack.callback(files.close)
    agent = NodeAgent(files, source)
    agent.catch_up()
    settings = node_settings(folder / "tables", free_port(), unbound, free_port())
    stack.enter_context(front(folder, settings))
    port = int(settings.listen[0].rpartition(":")[2])
    return Node(folder, port, settings, source, agent, files)


def test_an_order_ends_at_its_second_and_a_protected_name_waits(
    node: Node, register: RegisterStore
) -> None:
    def ask(name: str, now: int) -> str:
        """Ask at a moment, with what the register says of it in the tables."""
        listed = with_register(LISTED, register.load(), now)
        node.change(PlaneChange(node.next, listed=listed))
        return told(node.ask(name, SUBSCRIBER))

    entry = register.write(
        *("ada", NOW),
        lambda now: edits.enter_order(now, order("bad.example", "www.help.example"), ADA, NOW),
    )
    assert entry
    number = entry.number
    assert ask("bad.example", NOW) == OPEN, "one person puts nothing in force"
    register.write("bo", NOW, lambda now: edits.confirm_order(now, number, SPECIAL, BO, NOW))
    end = NOW + DAY
    assert next_change(register.load(), NOW) == end
    assert ask("bad.example", end - 1) == "NXDOMAIN 16 legal"
    assert ask("www.help.example", end - 1) == OPEN, "it is held"
    decision = HoldDecided(number, "help.example", True, "The court insists.")
    register.write("rev", NOW, lambda now: edits.decide_hold(now, decision, SPECIAL, REVIEWER, NOW))
    assert ask("www.help.example", end - 1) == "NXDOMAIN 16 legal"
    assert ask("chat.help.example", end - 1) == OPEN
    assert ask("bad.example", end) == OPEN
    assert ask("www.help.example", end) == OPEN


def test_three_layers_say_which_they_are(node: Node, register: RegisterStore) -> None:
    new = NameAdded(HandLayer.SECURITY, "phish.example", "Asks for passwords.", NOW + DAY)
    entry = register.write("ada", NOW, lambda _: edits.add_name(new, ADA, SPECIAL, NOW))
    assert entry
    number = entry.number
    register.write("bo", NOW, lambda now: edits.confirm_name(now, number, BO, NOW))
    listed = with_register(LISTED, register.load(), NOW)
    node.change(PlaneChange(node.next, listed=listed))
    assert told(node.ask("phish.example", SUBSCRIBER)) == "NOERROR 15 security: by-hand"
    assert told(node.ask("casino.example", SUBSCRIBER)) == "NOERROR 17 category: gambling"
