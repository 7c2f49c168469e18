"""A schema in stages: two versions of copdns on one PostgreSQL, each a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import Result

from copdns.app.node.rollouts import NodeRollouts
from copdns.app.node.schema_rollouts import contract_schema
from copdns.app.node.take import take_version
from copdns.model.errors import RolloutError
from copdns.provider.rollout.rollouts import (
    COPDNS,
    FleetNode,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
)
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection
from copdns.settings.provider import ProviderSettings
from copdns.store.household_db.provider import ProviderStore
from copdns.store.postgres.connection import PostgresConnection, PostgresPool
from copdns.store.postgres.expanding import why_not_only_added
from copdns.store.provider_db.register_schema import PROVIDER
from copdns.store.provider_db.rollout_rows import RolloutStore
from copdns.store.schema_stages import known_steps
from tests.unit.calling import Home
from tests.unit.store.newer import ADDS, CONTRACTS, newer_steps

pytestmark = pytest.mark.once

SCHEMA = RolloutKind.SCHEMA
OLD, NEW = known_steps(), known_steps() | {f"household/{ADDS}"}


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """A database without tables, which it is again at the end; yield how it is reached."""
    drop_tables(postgres_server)
    yield postgres_server
    drop_tables(postgres_server)


def drop_tables(conninfo: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("drop schema if exists copdns cascade")


@pytest.fixture
def home(tmp_path: Path, postgres: str) -> Home:
    """The version before, in this process."""
    home = Home(tmp_path)
    home.set(provider={"database": postgres})
    home.ok("household", "import", str(tmp_path / "family.yaml"))
    return home


@pytest.fixture
def rollouts(home: Home, postgres: str) -> Iterator[RolloutStore]:
    """The rollouts, on connections that stay open; one canary node, and a package that is done."""
    with ProviderStore.connect(PostgresPool(postgres, most=2)) as households:
        store = RolloutStore(households.pool)
        store.report(FleetNode("n1", "north", True, int(time.time()), frozenset({4})))
        package = store.begin(RolloutKind.PACKAGE, "1.4", {}, "ada", int(time.time()))
        assert package
        finish(store, package.number)
        yield store


def finish(store: RolloutStore, number: int) -> None:
    done = RolloutStep(int(time.time()), COPDNS, RolloutStage.DONE, RolloutState.GOING)
    store.add_step(number, lambda _: done)


def newer(home: Home, *words: str) -> Result:
    with newer_steps():
        return home.call(*words)


def newer_apart(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the newer version as a process of its own."""
    command = [sys.executable, "-m", "tests.unit.store.newer", *home.start, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def settings(home: Home, postgres: str) -> Settings:
    return Settings(
        data=str(home.folder / "n1"),
        node=NodeSection(name="n1", site="north", canary=True, folder=str(home.folder / "tables")),
        provider=ProviderSettings(database=postgres),
    )


def number_that_runs(home: Home, postgres: str, store: RolloutStore, known: frozenset[str]) -> int:
    """Return which schema a node has whose program knows these steps, as it tells of itself."""
    (home.folder / "n1").mkdir(exist_ok=True)
    NodeRollouts(store, settings(home, postgres), time.time, known=known).follow()
    return store.fleet()[0].has_taken(SCHEMA).number


def version(home: Home, postgres: str) -> str:
    return take_version(settings(home, postgres), "schema", int(time.time()))


def test_a_schema_comes_in_stages_goes_back_and_is_contracted_at_last(
    home: Home, postgres: str, rollouts: RolloutStore
) -> None:
    refused = newer(home, "provider", "rollout", "list")
    assert refused.exit_code != 0
    assert ADDS in refused.stderr
    assert "nodes get a schema in stages" in refused.stderr
    assert version(home, postgres) == "1.4"

    begin = ("provider", "rollout", "begin", "schema", "--label", "1.5")
    begun = newer_apart(home, *begin)
    assert begun.stdout.splitlines() == [f"applied: household/{ADDS}", "2: canary"], begun.stderr
    home.ok("rule", "add", "block", "chat.example")  # the version before reads and writes
    assert "chat.example" in newer(home, "rule", "list").stdout
    assert version(home, postgres) == "1.5"
    assert number_that_runs(home, postgres, rollouts, OLD) == 0
    assert number_that_runs(home, postgres, rollouts, NEW) == 2

    home.ok("provider", "rollout", "undo", "2", "--why", "It is slow.")
    assert version(home, postgres) == "1.4"
    assert number_that_runs(home, postgres, rollouts, OLD) == 0
    home.ok("rule", "list")
    assert "was undone: It is slow." in newer(home, *begin).stderr
    assert newer(home, *begin, "--again").stdout == "3: canary\n"

    contract = ("provider", "rollout", "contract", "3", "--why", "A week.", "--yes")
    assert "is not on all nodes yet" in newer(home, *contract).stderr
    finish(rollouts, 3)
    assert "heard of since: n1" in newer(home, *contract).stderr
    assert number_that_runs(home, postgres, rollouts, NEW) == 3
    with psycopg.connect(postgres, application_name="copdns 0.0.9"):
        assert "copdns 0.0.9 of this machine" in newer(home, *contract).stderr
    home.ok("rule", "list")
    done = newer_apart(home, *contract)
    assert done.stdout.splitlines()[-1] == f"applied: household/{CONTRACTS}", done.stderr
    refused_old = home.call("rule", "list")
    assert f"({CONTRACTS})" in refused_old.stderr
    assert "does not run with that" in refused_old.stderr
    undone = newer(home, "provider", "rollout", "undo", "3", "--why", "It is slow.")
    assert "cannot be undone" in undone.stderr
    assert rollouts.load()[-1].is_final


def test_a_step_of_the_providers_own_tables_comes_in_stages_as_well(
    home: Home, rollouts: RolloutStore
) -> None:
    """What the command itself reads rollouts with lacks the step before."""

    def add(db: PostgresConnection) -> None:
        db.run_here("create table mood_of_tenant (tenant text primary key)")

    PROVIDER(name=ADDS, expands=True)(add)
    try:
        begun = home.ok("provider", "rollout", "begin", "schema", "--label", "1.5")
    finally:
        del PROVIDER._steps[ADDS]
        PROVIDER._expanding.remove(ADDS)
    assert begun.splitlines() == [f"applied: provider/{ADDS}", "2: canary"]
    home.ok("provider", "rollout", "list")  # the version before


def test_a_node_whose_clock_is_ahead_forgets_no_other_and_hides_none_from_contracting(
    home: Home, postgres: str, rollouts: RolloutStore
) -> None:
    assert newer(home, "provider", "rollout", "begin", "schema", "--label", "1.5").exit_code == 0
    finish(rollouts, 2)
    ahead = int(time.time()) + 30 * 86_400
    rollouts.report(FleetNode("n2", "north", False, ahead, frozenset({4})))
    assert {each.name for each in rollouts.fleet()} == {"n1", "n2"}
    with newer_steps(), pytest.raises(RolloutError, match="heard of since: n1"):
        contract_schema(postgres, 2, "ada", "A week.", ahead)


def test_a_schema_that_has_no_stages_needs_a_word_and_has_no_way_back(
    home: Home, postgres: str, rollouts: RolloutStore
) -> None:
    with psycopg.connect(postgres) as connection:  # as a version from before rollouts had stages
        connection.execute("alter table copdns.schema_step drop column asks_for")
        connection.execute(
            "delete from copdns.schema_step where migration_set = 'provider' and name > '0011'"
        )
        newer = (
            *("rollout_message", "rollout_schema", "staff_language", "usage_moved", "queue_told"),
            *("device_heard", "database_role", "report_figure", "node_minutes"),
            *("desk_entry", "desk_head", "report_sum"),
        )
        for table in newer:
            connection.execute(f"drop table copdns.{table}")
        connection.execute("alter table copdns.rollout drop column is_final")
        connection.execute("alter table copdns.rollout_step drop column because")
    assert "0011_schema_stages" in home.call("provider", "rollout", "list").stderr
    begin = ("provider", "rollout", "begin", "schema", "--label", "1.5")
    assert "provider/0011_schema_stages" in home.call(*begin).stderr
    assert "applied: provider/0012_rollout_messages" in home.ok(*begin, "--no-way-back")
    assert "no way back" in home.ok("provider", "rollout", "show", "2")
    assert "cannot be undone" in home.call(*begin[:2], "undo", "2", "--why", "It is slow.").stderr
    assert rollouts.load()[-1].is_final


@pytest.mark.parametrize(
    ("sql", "trouble"),
    [
        ("create table a (household text not null references household on delete cascade)", ""),
        ("create table a (b text, foreign key (b) references c deferrable)", "being deleted"),
        ("create index a on profile (name)", ""),
        ("create unique index a on profile (name)", "restricts"),
        ("alter table profile add column mood text", ""),
        ("alter table profile add column mood text not null default ''", ""),
        ("alter table profile add column mood text not null", "no default"),
        ("alter table profile add column mood text references mood", "restricts"),
        ("alter table profile drop column name", "none of the statements that add"),
        ("insert into profile select * from profile", "inserts"),
        ("insert into made select 1", ""),
        ("update profile set name = ''", "none of the statements that add"),
        ("create trigger a after delete on b begin delete from made where d = old.d; end", ""),
        ("create trigger a after delete on b begin delete from c where d = old.d; end", "a trig"),
        ("create trigger a after insert on b begin delete from made where d = 1; end", "a trig"),
        ("create trigger a after insert on b begin update b set c = 1; end", "a trigger"),
        ("alter table profile add column mood text, drop column name", "more than add one"),
        ("alter table profile add column mood numeric(3, 1) default 0, add check (a)", "more than"),
        ("alter table profile add column mood numeric(3, 1)", ""),
        ("alter table profile add column mood text; drop table device", "more than one statement"),
        ("alter table profile add column mood text not null -- default ''", "comment"),
        ("alter table profile add column mood text not null default null", "no default"),
        ("alter table profile add column mood integer generated always as (age)", "restricts"),
        ("create table a (b text); drop table device", "more than one statement"),
        ("create index a on profile ((name::integer))", "restricts"),
        ("create index a on profile (name, id) where note <> ''", ""),
        ("insert into made with d as (delete from profile returning 1) select 1 from d", "inserts"),
    ],
)
def test_a_step_that_says_it_only_adds_is_held_to_it(sql: str, trouble: str) -> None:
    found = why_not_only_added(sql, {"made"})
    assert trouble in found
    assert bool(found) == bool(trouble)
