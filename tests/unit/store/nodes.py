"""Nodes that follow a database, and the households in it, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copdns.app.node.copies import NodeCopies
from copdns.app.node.journal import JournalReader
from copdns.app.node.law import LawInForce
from copdns.app.node.lists import NodeLists
from copdns.app.node.lists_now import ListsNow
from copdns.app.node.resolver import ResolverFiles
from copdns.app.node.source import StoreSource
from copdns.model.household import Band, Household, Profile, Rule, RuleAction
from copdns.model.matchers import Matcher
from copdns.model.times import Grant
from copdns.provider.plane.snapshot import SHARED, PlaneChange, PlaneSnapshot
from copdns.settings.config import Settings
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres import outbox as outbox_of_store
from copdns.store.postgres.lines import BindingRow, BindingStore, LineRow
from tests.unit.account_values import NOW

BLOCK = Rule("r1", RuleAction.BLOCK, Matcher("film.example"))


@contextmanager
def node(
    store: ProviderStore, folder: Path, now: float = NOW, tables: Path | None = None
) -> Iterator[StoreSource]:
    """A node that has read all, and numbered what nobody numbered yet.  tables: else in `folder`,
    which has its data."""
    copies = NodeCopies(tables or folder)
    lists = ListsNow(
        NodeLists(Settings(data=str(folder))),
        LawInForce(store.pool, folder, copies),
        ResolverFiles(folder, ""),
        lambda: now,
    )
    source = StoreSource(store.pool, lists, copies, lambda: now, JournalReader(folder))
    try:
        source.snapshot()
        list(source.changes_after(source.snapshot().revision) or ())
        yield source
    finally:
        source.close()


def home(number: int, band: Band = Band.TO_9, **fields: object) -> Household:
    profile = Profile("mia", "Mia", band, categories=frozenset({"dating"}))
    return Household(f"h{number}", "Home", profiles=(profile,), guest="mia", **fields)  # type: ignore[arg-type]


def told(snapshot: PlaneSnapshot) -> dict[str, object]:
    """Return what a subscriber gets, without numbers, which are each node's own."""
    assert snapshot.subscribers is not None
    assert snapshot.exceptions is not None
    found: dict[str, object] = {}
    for address, number, household in snapshot.subscribers:
        if number == SHARED:
            continue  # some of its ports are somebody's
        group = snapshot.groups[number]
        policy = snapshot.classes[group.policy_class]
        found[".".join(map(str, address))] = (policy, group.asks_copdns, household)
    return found | {"names": sorted(snapshot.exceptions)}


def look_once(source: StoreSource) -> list[PlaneChange]:
    """Have a node look for changes, once."""
    return list(source.changes_after(source._keeper.revision) or ())


def lose_connection(source: StoreSource) -> None:
    """Let a node lose the connection that listens; its next look makes another."""
    assert source._outbox is not None
    source._outbox.close()


def assert_begins_anew(source: StoreSource) -> None:
    """Have a node that lost its connection look: what it reads all anew is another snapshot."""
    assert source.changes_after(source._keeper.revision) is None


def without(found: dict[str, object], *addresses: str) -> dict[str, object]:
    return {key: value for key, value in found.items() if key not in addresses}


def name_database(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let PostgreSQL be another database from now on; "" is one that does not say which."""
    monkeypatch.setattr(outbox_of_store, "WHICH_DATABASE", f"select '{name}'".encode())


async def fill(store: ProviderStore) -> tuple[Household, ...]:
    """Make households; h0 has line l0 with 192.0.2.0, and so on."""
    grant = Grant(Matcher("chess.example"), NOW, NOW + 600, NOW, id="g1", profile="mia")
    found = (
        *(home(each) for each in range(6)),
        home(6, Band.TO_15),
        home(7, rules=(BLOCK,)),
        home(8, grants=(grant,)),
    )
    for each in found:
        await store.create(each, "ada", NOW)
    BindingStore(store.pool).put(
        lines=[LineRow(f"l{each}", f"h{each}") for each in range(len(found))],
        bindings=[BindingRow(f"192.0.2.{each}", f"l{each}") for each in range(len(found))],
    )
    return found
