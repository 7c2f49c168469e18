"""One of two whole nodes is killed under load: the other goes on, and the killed one catches up.

All programs of it end at once, by `kill -9`.  NODE_KILL_SECONDS=60 makes each part of it that long.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from itertools import count
from pathlib import Path
from time import monotonic
from urllib.error import HTTPError

import pytest

from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import open_provider
from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.e2e.provider_nodes import (
    ADA,
    BLOCKED,
    BO,
    DATING,
    LOST,
    OPEN,
    ProviderNode,
    ask_or_lose,
    block,
    family,
    provider_node,
    session,
)
from tests.e2e.started import DNSDIST_UP, started
from tests.e2e.test_provider import postgres, server  # noqa: F401 - fixtures
from tests.postgres_server import PostgresServer
from tests.running import COPDNS, PATIENCE

pytestmark = [pytest.mark.tools, pytest.mark.once]

SECONDS = float(os.environ.get("NODE_KILL_SECONDS", "1"))  # of load before, while and after
MOST_RULES = 60


class Load:
    """Asks a node without end, as two families; said: what came, by how often."""

    def __init__(self, node: ProviderNode, patience: float = PATIENCE) -> None:
        self._patience = patience
        self.said: Counter[tuple[str, str, str]] = Counter()
        self._node = node
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _run(self) -> None:
        while not self._is_over.wait(0.002):
            for line in (ADA, BO):
                for name in (DATING, "open.example", "rule-0.example"):
                    self.said[line, name, ask(self._node, name, line, self._patience)] += 1

    @property
    def answered(self) -> int:
        return sum(number for (*_, said), number in self.said.items() if said != LOST)

    def wrong(self) -> set[tuple[str, str, str]]:
        """Return what was no right answer; what is lost apart."""
        rule = "NOERROR 17 rule: rule-0.example"
        right = {(line, DATING, BLOCKED) for line in (ADA, BO)}
        right |= {(line, "open.example", OPEN) for line in (ADA, BO)}
        right |= {(ADA, "rule-0.example", rule), (BO, "rule-0.example", OPEN)}
        return {each for each in self.said if each not in right}


def ask(node: ProviderNode, name: str, line: str, patience: float = 1.0) -> str:
    return ask_or_lose(node.port, name, line, patience)


@contextmanager
def changing(store: HouseholdStore) -> Iterator[list[str]]:
    """Block one site after the other for Ada's family; give those that were confirmed."""
    confirmed: list[str] = []
    is_over = threading.Event()

    def run() -> None:
        for number in count():
            if is_over.wait(SECONDS / 15) or len(confirmed) == MOST_RULES:
                return
            block(store, "ada", f"rule-{number + 1}.example")
            confirmed.append(f"rule-{number + 1}.example")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield confirmed
    finally:
        is_over.set()
        thread.join()


def tell(nodes: Iterable[ProviderNode], path: str, entries: object) -> None:
    """Tell the node whose program takes in addresses: whichever started first."""
    for each in nodes:
        try:
            assert each.tell(path, entries) == 204
        except HTTPError as error:
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
        else:
            return
    raise AssertionError(f"no node takes {path}")


def after(seconds: float, load: Load, more: int) -> Callable[[], bool]:
    """Return what tells that so long has passed, and so many queries were answered."""
    until, wanted = monotonic() + seconds, load.answered + more
    return lambda: monotonic() >= until and load.answered >= wanted


def test_a_node_that_is_killed_harms_no_other_and_catches_up(
    tmp_path: Path,
    server: PostgresServer,  # noqa: F811
    postgres: PostgresServer,  # noqa: F811
) -> None:
    del postgres  # it begins empty
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        store = stack.enter_context(open_provider(server.conninfo))
        for each in ("ada", "bo"):
            asyncio.run(store.create(family(each), "test", 1))
        block(store, "ada", "rule-0.example")

        def start(name: str) -> ProviderNode:
            (tmp_path / name).mkdir()
            return stack.enter_context(provider_node(tmp_path / name, server))

        one, two = pool.map(start, ("one", "two"))  # at once: each takes seconds
        lines = [{"line": "l1", "household": "ada"}, {"line": "l2", "household": "bo"}]
        tell((one, two), "/v1/lines", lines)
        tell((one, two), "/v1/sessions", [session("l1", ADA), session("l2", BO)])
        rule = "NOERROR 17 rule: rule-0.example"
        for node in (one, two):
            eventually(lambda node=node: ask(node, "rule-0.example", ADA) == rule)  # type: ignore[misc]
            eventually(lambda node=node: ask(node, DATING, BO) == BLOCKED)  # type: ignore[misc]
        with changing(store) as confirmed:
            with Load(one) as others, Load(two, 0.5) as its:
                eventually(after(SECONDS, others, 50), SECONDS + PATIENCE)
                kill(two)
                eventually(after(SECONDS, others, 50), SECONDS + PATIENCE)
            assert its.answered > 50
            assert {said for *_, said in its.wrong()} <= {LOST}
            before = len(confirmed)
            begin(stack, two, tmp_path / "two")
            with Load(two) as its:
                eventually(after(SECONDS, its, 50), SECONDS + PATIENCE)
            assert others.wrong() == set()  # none was lost, and none was by another's rules
            assert its.wrong() == set()
        assert before > 3
        for name in confirmed:
            for node in (one, two):
                said = f"NOERROR 17 rule: {name}"
                eventually(lambda node=node, name=name, said=said: ask(node, name, ADA) == said)  # type: ignore[misc]


def kill(node: ProviderNode) -> None:
    processes = [node.home.program.process, *node.programs.values()]
    for each in processes:
        each.kill()
    for each in processes:
        each.wait(PATIENCE)


def begin(stack: ExitStack, node: ProviderNode, folder: Path) -> None:
    """Start all programs of a node again, with what it had on its disk."""
    words = [*COPDNS, *map(str, node.home.program.options), "run"]
    stack.enter_context(started(words, "ready", folder, node.environment))
    node.start("run")
    node.start("bindings")
    dnsdist = [find_tool("dnsdist"), "--supervised", "--disable-syslog"]
    stack.enter_context(started([*dnsdist, "-C", folder / "dnsdist.conf"], DNSDIST_UP, folder))
