"""Newer facts in the running program: a help site that came just now is protected on every way."""

from __future__ import annotations

from pathlib import Path

from copdns.list_files.facts_bundle import sign_bundle
from tests.e2e.house import LONG, House, eventually, house
from tests.e2e.test_lists import FAMILY
from tests.list_server import list_server
from tests.unit.list_files.test_facts_store import KEY, PUBLIC, add, newer, shipped

NAME = "newhelp.example"


def verdicts(made: House) -> dict[str, float]:
    return {name: n for name, n in made.metrics().items() if name.startswith("copdns_verdicts")}


def test_a_new_help_site_is_answered_and_recorded_nowhere(tmp_path: Path) -> None:
    made_at = shipped().made_at
    tom = {**FAMILY["profiles"]["tom"], "block": [NAME]}
    people = {**FAMILY, "profiles": {**FAMILY["profiles"], "tom": tom}}
    with list_server() as server:
        url = server.put("/facts", sign_bundle(newer(add, made_at=made_at), KEY))
        server.open.clear()
        chosen = {"url": url, "keys": [PUBLIC]}
        with house(tmp_path, {"facts": chosen, "sources": {"use": "none"}}, people) as made:
            assert made.ask(NAME).data == []  # the household's rule, until somebody answers there
            server.open.set()
            eventually(lambda: made.ask(NAME).data != [], within=LONG)
            before = verdicts(made)
            assert made.ask(f"www.{NAME}").data != []
            assert verdicts(made) == before
            assert made.metrics()["copdns_facts_number"] == shipped().number + 1
            made.command("facts", "rollback")
            eventually(lambda: made.ask(NAME).data == [], within=LONG)
