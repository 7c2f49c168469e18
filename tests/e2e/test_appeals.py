"""An appeal with the real program: blocked, filed, answered, open within a second, closed again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from copdns.appeals.appeal import (
    Appeal,
    AppealKind,
    AppealMotive,
    AppealRequest,
    AppealState,
    ContestedVerdict,
    WantedLength,
)
from copdns.model.verdict import Action, Reason
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from tests.e2e.house import MIA, TOM, House, eventually, house
from tests.reading import has_word

SOON = 1.0  # seconds, from the end of a command to the changed answer

FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {
            "band": "7-9",
            "categories": ["gambling"],
            "devices": {"mia-tablet": [MIA]},
            "block": ["games.example"],
        },
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}, "block": ["games.example"]},
    },
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), {}, FAMILY) as found:
        yield found


def filed(home: House, name: str, to: ContestedVerdict) -> Appeal:
    """File an appeal as the door does, while the program runs."""

    async def work() -> Appeal:
        with HouseholdStore.open(home.data) as store:
            sent = AppealRequest(
                "mia",
                "mia-tablet",
                AppealKind.NAME,
                to,
                name,
                AppealMotive.SCHOOL,
                wanted=WantedLength.HOUR,
            )
            return (await AppealStore(store).file("home", sent, int(time.time()))).appeal

    return asyncio.run(work())


def is_open(home: House, name: str, source: str = MIA) -> bool:
    return bool(home.ask(name, source=source).data)


def test_a_yes_opens_within_a_second_for_who_asked_and_for_nobody_else(home: House) -> None:
    name = "chess.games.example"
    assert home.ask(name).ede == (17, "rule: games.example")
    appeal = filed(home, name, ContestedVerdict(Action.BLOCK, Reason.RULE, rule="games.example"))
    (waiting,) = json.loads(home.command("appeal", "list", "--json"))
    assert (waiting["id"], waiting["state"]) == (appeal.id, "open")

    home.command("appeal", "decide", appeal.id, "--yes", "--reason", "fair_enough", "--for", "1h")
    eventually(lambda: is_open(home, name), within=SOON)
    reply = home.ask(name).message
    assert 0 < min(rrset.ttl for rrset in reply.answer) <= 3600
    assert not is_open(home, "other.games.example")
    assert not is_open(home, name, TOM)

    (grant,) = json.loads(home.command("grant", "list", "--json"))
    home.command("grant", "end", grant["id"])
    eventually(lambda: not is_open(home, name), within=SOON)


def test_a_no_changes_nothing_and_is_told_with_its_reason(home: House) -> None:
    name = "bet365.com"
    reply = home.ask(name)
    assert reply.ede is not None
    to = ContestedVerdict(Action.BLOCK, Reason.CATEGORY, "starter-gambling", category="gambling")
    appeal = filed(home, name, to)
    words = ("--no", "--reason", "not_yet_for_age", "--text", "Later.", "--json")
    shown = json.loads(home.command("appeal", "decide", appeal.id, *words))
    assert (shown["state"], shown["answers"][0]["text"]) == (AppealState.REFUSED, "Later.")
    assert not is_open(home, name)
    done = home.program.command("appeal", "decide", appeal.id, "--no")
    assert done.returncode == 2


def test_numbers_and_the_log_tell_that_there_is_one_and_nothing_of_it(tmp_path: Path) -> None:
    with house(tmp_path, {}, FAMILY) as own:
        filed(own, "private.games.example", ContestedVerdict(Action.BLOCK, Reason.RULE))
        eventually(lambda: own.metrics().get('copdns_appeals{state="open"}') == 1)
        code, said = own.program.stop()
    assert code == 0
    lines = [line for line in said.splitlines() if "appeal made" in line]
    assert len(lines) == 1
    assert "private" not in said
    assert not has_word(lines[0], "mia")
