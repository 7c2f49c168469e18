"""`copdns doctor` at a provider, whose machine serves many households and strangers none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from copdns.model.household import Household
from copdns.store.household_db.provider import open_provider
from copdns.store.provider_db.role_grants import RoleDuty
from tests.database_roles import reach_as
from tests.running import free_port
from tests.unit.calling import Home

pytestmark = pytest.mark.once

NO_UPSTREAM = f"127.0.0.1:{free_port()}"


@pytest.fixture
def home(tmp_path: Path, postgres: str) -> Home:
    """A machine of a provider with two households."""
    with open_provider(postgres) as store:
        for each in ("adas", "bos"):
            asyncio.run(store.create(Household(each, each), "test", 1))
    home = Home(tmp_path)
    set_up(home, postgres)
    return home


def set_up(home: Home, postgres: str, **provider: object) -> None:
    database = reach_as(postgres, RoleDuty.FAMILIES)
    sections = {
        "dns": {
            "listen": ["127.0.0.1"],
            "port": free_port(),
            "forwarders": [{"network": "127.0.0.1", "proxy": True}],
        },
        "web": {"listen": ["127.0.0.1"], "port": free_port(), "tls_port": 0},
        "upstreams": {"servers": [NO_UPSTREAM]},
        "sources": {"use": "none"},
        "provider": {"database": database, "kept": 10, **provider},
    }
    home.settings.write_text(json.dumps(sections))


def found(home: Home) -> dict[str, list[tuple[str, str]]]:
    """Return status and text of each finding, by what it is about."""
    findings: dict[str, list[tuple[str, str]]] = {}
    for each in home.json("doctor")["findings"]:
        findings.setdefault(each["about"], []).append((each["status"], each["what"]))
    return findings


def test_the_doctor_hears_a_copdns_that_refuses_it_as_a_stranger(home: Home) -> None:
    process = home.process("run")
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if '"ready"' in line:
                break
        ports = found(home)["ports"]
    finally:
        process.terminate()
        process.communicate()
    assert [status for status, _ in ports] == ["ok", "ok"]
    assert all(text.endswith("copdns answers") for _, text in ports)


@pytest.mark.parametrize("kept", [10, 0])
def test_many_households_are_as_it_should_be_and_the_machine_is_looked_at_all_the_same(
    home: Home, postgres: str, kept: int
) -> None:
    set_up(home, postgres, kept=kept)
    told = found(home)
    assert told["databases"][0] == ("ok", "PostgreSQL has 2 households")
    assert told["upstreams"][0][0] == "fail", "the one upstream of the settings is dead"
    assert told["clock"][0][0] == "ok"
    assert told["lists"][0][0] == "ok"
    ((status, text),) = told["household"]
    assert (status, "COPDNS_PROVIDER__HOUSEHOLD" in text) == ("ok", True)
    assert "devices" not in told


def test_nobody_is_sent_to_settings_that_a_provider_may_not_have(home: Home) -> None:
    ((status, text),) = found(home)["backups"]
    assert status == "ok"
    assert "backup.folder" not in text


def test_a_household_that_is_not_there_is_told(home: Home, postgres: str) -> None:
    set_up(home, postgres, household="bso")
    assert found(home)["databases"][0] == ("fail", "PostgreSQL has no household bso")


def test_one_household_that_is_chosen_is_looked_at(home: Home, postgres: str) -> None:
    set_up(home, postgres, household="bos")
    told = found(home)
    assert told["databases"][0] == ("ok", "PostgreSQL has the household bos, revision 1")
    assert told["household"] == [("ok", "0 people, 0 devices, 0 rules")]


def test_a_database_that_is_away_is_told_once(home: Home, postgres: str) -> None:
    set_up(home, postgres, database="host=/nowhere dbname=postgres")
    assert [status for status, _ in found(home)["databases"]] == ["fail", "ok"]
