"""`copdns facts`: what is in use, what waits, and what somebody decides about it."""

from __future__ import annotations

import pytest

from copdns.list_files import facts_store
from copdns.list_files.facts import load_facts
from copdns.list_files.facts_store import FactsStore
from copdns.model.scripts import shown_name
from tests.unit.calling import Home
from tests.unit.list_files.test_facts_store import GONE, NOW, PUBLIC, add, bundle, remove, shipped


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_store, "shipped_set", shipped)


def test_a_fresh_house_says_what_it_has(home: Home) -> None:
    said = home.call("facts", "status")
    assert said.exit_code == 0
    assert "those that come with copdns" in said.output
    assert home.call("facts", "diff").output == "nothing waits\n"
    assert home.call("facts", "update").exit_code == 78  # no address is set
    assert not (home.data / "facts").exists()


def test_what_waits_is_shown_and_decided(home: Home) -> None:
    FactsStore(home.data).receive(bundle(remove, add), [PUBLIC], NOW)
    found = home.json("facts", "status")
    (waiting,) = found["waiting"]
    assert (waiting["key"], waiting["kind"]) == (GONE, "protected")
    assert f"- {GONE}: " in home.call("facts", "diff").output
    assert home.call("facts", "keep", "--version", "0" * 12).exit_code == 1
    assert home.call("facts", "keep", "--version", found["version"]).exit_code == 0
    assert not home.json("facts", "status")["waiting"]
    assert home.call("facts", "accept").exit_code == 0
    assert f'"{GONE}"' not in load_facts(home.data).read("protected.yaml")
    assert home.call("facts", "rollback", "--to", "shipped").exit_code == 0
    assert load_facts(home.data).digest == ""


def test_a_file_needs_a_good_signature_too(home: Home) -> None:
    file = home.folder / "copdns.facts"
    file.write_bytes(bundle(add))
    said = home.call("facts", "update", "--file", str(file))
    assert said.exit_code == 1
    assert "key" in said.output


def test_doctor_tells_what_waits(home: Home) -> None:
    FactsStore(home.data).receive(bundle(remove), [PUBLIC], NOW)
    from copdns.cli.doctor.household import check_facts
    from copdns.cli.home import Home as House
    from copdns.settings.config import Settings

    found = list(check_facts(House(Settings(data=str(home.data)))))
    assert [each.status for each in found] == ["warn"]
    assert "1 change of the facts waits" in found[0].what


def test_names_are_shown_in_their_own_letters(home: Home) -> None:
    home.call("rule", "add", "block", "bücher.example", "--profile", "mia")
    assert "bücher.example" in home.call("rule", "list").output
    assert "xn--" in home.call("rule", "list", "--json").output
    assert "may imitate" in home.call("check", "аpple.example", "--profile", "mia").output
    assert shown_name("xn--bcher-kva.example") == "bücher.example"
