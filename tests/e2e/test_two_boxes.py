"""Two boxes: the second one follows the first, and answers as it does while that is gone."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from copdns.household.second_box.pairing_key import parse_pairing_key
from copdns.household.second_box.seal import NONCE, seal_request, unseal_reply
from copdns.model.hosts import DESK_HOST
from copdns.privacy.box_messages import PATH, FirstBoxReply, FollowerRequest
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import DayBitmaps, Minutes, Usage
from tests.e2e.house import MIA, POINTS_HOME, House, Reply, eventually, house, traces
from tests.e2e.visitor import Visitor
from tests.running import PATIENCE, Program, free_port, run_here, running

FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {
            "name": "Mia",
            "band": "7-9",
            "devices": {"tablet": {"addresses": [MIA]}},
            "budgets": {
                "chess": {"about": ["chess.example"], "minutes": {"daily": 30}},
                "go": {"about": ["go.example"], "minutes": {"daily": 35}},
            },
        },
        "ada": {"name": "Ada", "band": "adult"},
    },
    "rules": [{"block": "games.example", "for": "mia"}],
}


class Boxes(NamedTuple):
    """first, second: the programs.  url: of the first one's pages."""

    first: House
    second: Program
    url: str

    def blocks(self, name: str) -> bool:
        """Tell whether the second box blocks a name for Mia."""
        return not Reply(self.second.ask(name)).data


@contextmanager
def first_box(folder: Path) -> Iterator[tuple[House, str]]:
    """Start a first box with pages over HTTPS; yield it with its address."""
    port = free_port()
    environment = {**POINTS_HOME, "COPDNS_WEB__TLS_PORT": str(port)}
    folder.mkdir(exist_ok=True)
    with house(folder, {}, FAMILY, environment=environment) as home:
        yield home, f"https://127.0.0.1:{port}"


@contextmanager
def second_box(folder: Path, first: House, url: str, key: str) -> Iterator[Program]:
    folder.mkdir(exist_ok=True)
    if key:
        done = run_here(["--data", str(folder / "data"), "follow", url, key], {})
        assert done.returncode == 0, done.stderr
    with running(
        folder, {}, upstreams=[first.upstream.address.port], environment=POINTS_HOME
    ) as program:
        yield program


def pair(first: House) -> str:
    return first.command("follower", "pair", "Upstairs").strip()


@contextmanager
def boxes(folder: Path) -> Iterator[Boxes]:
    with (
        first_box(folder / "first") as (first, url),
        second_box(folder / "second", first, url, pair(first)) as second,
    ):
        yield Boxes(first, second, url)


def test_the_second_box_answers_as_the_first_and_goes_on_without_it(tmp_path: Path) -> None:
    with boxes(tmp_path) as both:
        eventually(lambda: both.blocks("games.example"))
        assert not both.blocks("other.example")
        both.first.command("rule", "add", "block", "films.example", "--profile", "mia")
        eventually(lambda: both.blocks("films.example"), 5)
        told = json.loads(both.first.command("follower", "list", "--json"))
        assert [each["name"] for each in told] == ["Upstairs"]
        assert told[0]["fetched"]
        both.first.program.process.kill()
        assert both.blocks("films.example")
        assert not both.blocks("other.example")
        refused = both.second.command("rule", "add", "block", "x.example", "--profile", "mia")
        assert refused.returncode == 1
        assert "change rules there" in refused.stderr
    # It starts again without the first one.
    folder = tmp_path / "second"
    with second_box(folder, both.first, both.url, "") as second:
        assert both._replace(second=second).blocks("films.example")


def test_a_recorded_message_of_a_second_box_is_not_taken_again(tmp_path: Path) -> None:
    with first_box(tmp_path / "first") as (first, url):
        key = parse_pairing_key(pair(first))

        def send(sealed: bytes) -> FirstBoxReply:
            headers = {"Host": DESK_HOST, "Origin": f"https://{DESK_HOST}"}
            request = Request(f"{url}{PATH.format(pairing=key.id)}", sealed, headers)
            unchecked = ssl._create_unverified_context()
            with urlopen(request, timeout=PATIENCE, context=unchecked) as reply:
                octets = unseal_reply(key.secret, sealed, reply.read())
            return FirstBoxReply.model_validate_json(octets)

        def sealed(mark: str) -> bytes:
            asked = FollowerRequest(mark=mark, wants_minutes=True).model_dump_json().encode()
            return seal_request(key.secret, key.id, asked, token_bytes(NONCE))

        mark = send(sealed("")).mark
        (box,) = json.loads(first.command("follower", "list", "--json"))
        assert mark
        assert not box["fetched"], "a message without the mark is no fetch"
        message = sealed(mark)
        assert not send(message).mark
        with pytest.raises(HTTPError, match="403"):
            send(message)


def test_a_request_sent_to_the_second_box_is_answered_on_the_first(tmp_path: Path) -> None:
    mia = Visitor(MIA)
    with boxes(tmp_path) as both:
        first, second = both.first.program, both.second
        eventually(lambda: both.blocks("games.example"))
        assert mia.send(first, "/device").status == 303
        eventually(lambda: 'action="/device"' not in mia.open(second, "/").text)
        sent = mia.send(second, "/ask", name="games.example", words="For the club.", wanted="1h")
        assert sent.location.startswith("/ask/")
        (asked,) = eventually_list(both.first)
        assert (asked["name"], asked["words"]) == ("games.example", "For the club.")
        both.first.command(
            *(
                "appeal",
                "decide",
                asked["id"],
                "--yes",
                "--reason",
                "fair_enough",
                "--text",
                "Enjoy it!",
            )
        )
        eventually(lambda: not both.blocks("games.example"))
        eventually(lambda: "Enjoy it!" in mia.open(second, sent.location).text)
        first.process.kill()
        assert not both.blocks("games.example")
        # Nothing of it is on the second box's disk.
        both.second.stop()
        assert not traces(tmp_path / "second" / "data", b"for the club|enjoy it")


def test_minutes_of_both_boxes_add_up_and_none_counts_twice(tmp_path: Path) -> None:
    day = datetime.now(UTC).date()

    def seed(box: str, minutes: range) -> None:
        bits = sum(1 << each for each in minutes)
        start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
        marks, used = DayBitmaps(bits, bits), Minutes(*[len(minutes)] * 3)
        (tmp_path / box / "data").mkdir(parents=True)
        UsageStore(tmp_path / box / "data").save(
            Usage("home", "mia", budget, day, start, marks, used) for budget in ("chess", "go")
        )

    seed("first", range(20))
    seed("second", range(10, 30))  # ten of them are the same
    with boxes(tmp_path) as both:
        eventually(lambda: both.blocks("chess.example"))
        eventually(lambda: not both.first.ask("chess.example").data)
        for _ in range(2):
            assert both.first.ask("go.example").data, "30 minutes of 35, and not 40"
            assert not both.blocks("go.example")
        # Ended with one tap, the second box forgets the household, and says so.
        (box,) = json.loads(both.first.command("follower", "list", "--json"))
        both.first.command("follower", "end", box["id"])
        eventually(lambda: not both.blocks("games.example"))
        assert not (tmp_path / "second" / "data" / "followed.bundle").exists()
        with pytest.raises(HTTPError) as unready:
            both.second.get("/readyz")
        assert "follows" in unready.value.read().decode()


def eventually_list(first: House) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    def is_there() -> bool:
        found[:] = json.loads(first.command("appeal", "list", "--json"))
        return bool(found)

    eventually(is_there)
    return found
