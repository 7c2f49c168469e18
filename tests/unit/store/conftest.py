"""The store's tests run over both engines, but for those that look at SQLite's files.

Over PostgreSQL it connects as the role of the families, which owns nothing.

A test that takes the folder or a connection of SQLite's itself looks at files; so does one that is
marked `files`.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from copdns.model.household import Household
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.provider import ProviderStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.postgres.connection import SCHEMA, PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import reach_as
from tests.household import family
from tests.postgres_server import empty, running_postgres
from tests.unit.account_values import NOW, House

OpenStore = Callable[[], HouseholdStore]
SQLITE, POSTGRES = "sqlite", "postgresql"
# What PostgreSQL makes of our SQL no version of Python changes; what Python does to reach it is in
# test_postgres.py, and a household that goes there and back in test_moving_house.py.
_POSTGRES = pytest.param(POSTGRES, marks=pytest.mark.once)
OF_FILES = {"tmp_path", "tmp_path_factory", "raw"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        looks_at_files = metafunc.definition.get_closest_marker("files") is not None
        looks_at_files |= not OF_FILES.isdisjoint(inspect.signature(metafunc.function).parameters)
        metafunc.parametrize("engine", [SQLITE] if looks_at_files else [SQLITE, _POSTGRES])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A server for all tests of one process, started by the first that needs it."""
    with running_postgres() as conninfo:
        yield conninfo


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """An empty database; yield how it is reached."""
    yield postgres_server
    empty(postgres_server, SCHEMA)


@pytest.fixture
def open_store(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> OpenStore:
    """Open the store of this test, as often as it is called."""
    if engine == SQLITE:
        return lambda: HouseholdStore.open(tmp_path)
    conninfo = reach_as(request.getfixturevalue("postgres"), RoleDuty.FAMILIES)
    return lambda: ProviderStore.connect(PostgresPool(conninfo))


@pytest.fixture
def open_fresh(
    engine: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> OpenStore:
    """Open a store with nothing in it, whatever was stored before."""
    if engine == SQLITE:
        return lambda: HouseholdStore.open(tmp_path_factory.mktemp("fresh"))
    conninfo = request.getfixturevalue("postgres")
    as_families = reach_as(conninfo, RoleDuty.FAMILIES)

    def open_emptied() -> HouseholdStore:
        store = ProviderStore.connect(PostgresPool(as_families))
        empty(conninfo, SCHEMA)
        return store

    return open_emptied


@pytest.fixture
async def house(tmp_path: Path, open_store: OpenStore) -> AsyncIterator[House]:
    with open_store() as store, StoreThread(open_store()) as thread:
        await store.create(family(), "test", NOW)
        await store.create(Household("bos", "Bo's"), "test", NOW)
        yield House(tmp_path, store, thread, lambda: StoreThread(open_store()))
