"""`copdns signs`: what guardians may know, and who is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from copdns.model.bypass_signs import Sign, SignKind
from copdns.store.log_db.bypass_signs import ChangedSigns, update_signs
from tests.unit.calling import Home

NOON = 1_795_518_000  # Tuesday 2026-11-24, twelve o'clock in Paris
DAY = 86_400


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("time.time", lambda: NOON)
    made = Home(tmp_path)
    made.ok("profile", "set", "mia", "--bypass", "on", "--bypass-signs", "on")
    signs = [
        Sign("home", "mia", "tablet", NOON - 3600, SignKind.VPN, True, NOON - 3600, True),
        Sign("home", "mia", "tablet", NOON - 3 * DAY, SignKind.SILENCE),
        Sign("home", "tom", "phone", NOON - 3600, SignKind.RESOLVER, True, NOON + 3600),
    ]
    made.data.mkdir(exist_ok=True)
    update_signs(made.data, {each[:3] for each in signs}, lambda _: ChangedSigns([], signs))
    return made


def test_what_guardians_may_know_is_listed_and_nothing_else(home: Home) -> None:
    lines = home.ok("signs").splitlines()
    assert lines[1].split(maxsplit=4) == [
        *("2026-11-24", "11:00", "mia", "tablet"),
        "a VPN or another way around",
    ]
    assert lines[2] == ""
    assert "This is no proof" in " ".join(lines)
    assert lines[-1] == "not noticed for: ada"


def test_programs_get_it_too(home: Home) -> None:
    assert json.loads(home.ok("signs", "--profile", "mia", "--json")) == [
        {
            "profile": "mia",
            "noticed": True,
            "notices": [
                {"device": "tablet", "at": "2026-11-24T10:00:00Z", "kind": "vpn", "proven": True}
            ],
        }
    ]
    assert home.ok("signs", "--profile", "tom") == "no signs\n"


def test_it_is_refused_where_it_would_have_no_effect(home: Home) -> None:
    home.ok("profile", "set", "mia", "--bypass", "off")
    assert "not noticed for: mia" in home.ok("signs", "--profile", "mia")
    for who, why in (("mia", "nothing to notice"), ("ada", "from 16 on")):
        refused = home.call("profile", "set", who, "--bypass-signs", "on")
        assert refused.exit_code == 1
        assert why in refused.output
