"""Home automation by MQTT, through a real mosquitto: what it is told, and whom it pauses."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, time
from typing import Any, NamedTuple

import pytest

from copdns.appeals.appeal import AppealKind, AppealMotive, AppealRequest, ContestedVerdict
from copdns.model.verdict import Action, Reason
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from tests.conftest import find_tool
from tests.e2e.house import MIA, House, eventually, house
from tests.reading import has_word
from tests.running import free_port

mqtt = pytest.importorskip("paho.mqtt.client")

PASSWORD = "correct horse"
SLOW = 0.5  # seconds that an answer may take on a busy machine
LIMITS = {
    "day": {"minutes": 60},
    "secret": {"for": "tom", "about": ["games.example"], "minutes": 30},
}
FAMILY: dict[str, object] = {
    "id": "home",
    "language": "fr",
    "profiles": {
        "mia": {"name": "Mia", "band": "7-9", "devices": {"tablet": [MIA]}},
        "tom": {"name": "Tom", "band": "13-15", "privacy": "counts"},
        "lia": {"name": "Lia", "band": "10-12", "privacy": "off"},
        "ada": {"name": "Ada", "band": "adult"},
    },
    "budgets": LIMITS,
}


class Broker(NamedTuple):
    """mosquitto, with everything that it keeps in memory alone.  folder: of its files."""

    port: int
    folder: Path

    @contextmanager
    def running(self) -> Iterator[None]:
        began = subprocess.Popen(
            [find_tool("mosquitto"), "-c", str(self.folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(self._listens)
            yield
        finally:
            began.kill()
            began.wait()

    def send(self, topic: str, text: str, *options: str, times: int = 1) -> None:
        command = [find_tool("mosquitto_pub"), *self._login(), "-t", topic, *options]
        lines = f"{text}\n" * times
        subprocess.run([*command, "-l"], input=lines, text=True, check=True, timeout=20)

    @contextmanager
    def heard(self) -> Iterator[dict[str, str]]:
        """Yield what a client hears, which subscribed to everything; the last text of each topic.

        What is deleted is not in it.
        """
        texts: dict[str, str] = {}

        def hear(_client: object, _data: object, message: Any) -> None:
            if message.payload:
                texts[message.topic] = message.payload.decode()
            else:
                texts.pop(message.topic, None)

        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.username_pw_set("copdns", PASSWORD)
        client.on_message = hear
        client.on_connect = lambda *_: client.subscribe("#")
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        try:
            yield texts
        finally:
            client.disconnect()
            client.loop_stop()

    def _listens(self) -> bool:
        with closing(socket.socket()) as trying:
            return trying.connect_ex(("127.0.0.1", self.port)) == 0

    def _login(self) -> list[str]:
        return ["-p", str(self.port), "-u", "copdns", "-P", PASSWORD]


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    folder, port = tmp_path / "broker", free_port()
    folder.mkdir()
    passwords = folder / "passwords"
    made = ["mosquitto_passwd", "-b", "-c", str(passwords), "copdns", PASSWORD]
    subprocess.run([find_tool(made[0]), *made[1:]], check=True, capture_output=True)
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous false", f"password_file {passwords}"]
    if os.geteuid() == 0:
        lines.append("user root")
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    return Broker(port, folder)


@contextmanager
def told_home(folder: Path, broker: Broker, **more: object) -> Iterator[House]:
    (folder / "password").write_text(f"{PASSWORD}\n")
    mqtt = {
        "host": "127.0.0.1",
        "port": broker.port,
        "user": "copdns",
        "password_file": "password",
        **more,
    }
    with house(folder, {"mqtt": mqtt}, FAMILY) as home:
        yield home


def config(heard: Mapping[str, str], component: str, name: str) -> dict[str, Any]:
    found = json.loads(heard[f"homeassistant/{component}/copdns/{name}/config"])
    assert isinstance(found, dict)
    return found


def test_home_automation_finds_the_home_and_pauses(tmp_path: Path, broker: Broker) -> None:
    with broker.running(), told_home(tmp_path, broker) as home, broker.heard() as heard:
        broker.send("copdns/heating", "21", "-r")  # somebody else's, below the same prefix
        eventually(lambda: "copdns/everyone/pause" in heard)
        eventually(lambda: "homeassistant/sensor/copdns/tom_LEFT_day/config" in heard)
        # No more than the privacy mode holds: of Lia nothing is recorded, the limit on one site is
        # Tom's own, Ada is an adult.
        values = {topic: text for topic, text in heard.items() if topic.startswith("copdns/")}
        assert values == {
            "copdns/heating": "21",
            "copdns/status": "online",
            "copdns/everyone/pause": "OFF",
            "copdns/people/mia/pause": "OFF",
            "copdns/people/mia/internet": "open",
            "copdns/people/mia/limits/day/used": "0",
            "copdns/people/mia/limits/day/left": "60",
            "copdns/people/tom/pause": "OFF",
            "copdns/people/tom/internet": "open",
            "copdns/people/tom/limits/day/used": "0",
            "copdns/people/tom/limits/day/left": "60",
            "copdns/people/lia/pause": "OFF",
        }
        assert [each for each in ("Ada", "games", "secret") if has_word(str(heard), each)] == []
        switch = config(heard, "switch", "mia_PAUSE")
        assert switch["device"]["name"] == "Mia"
        assert switch["availability_topic"] == "copdns/status"
        assert "restantes" in config(heard, "sensor", "tom_LEFT_day")["name"]

        broker.send(switch["command_topic"], "ON")
        eventually(lambda: not home.ask("open.example").data)
        eventually(lambda: heard[switch["state_topic"]] == "ON")
        eventually(lambda: heard["copdns/people/mia/internet"] == "paused")
        (line,) = _history(home)
        assert line == ("home automation", "mia paused until somebody ends it")
        broker.send("copdns/everyone/pause/set", "30")
        eventually(lambda: heard["copdns/everyone/pause"] == "ON")
        broker.send("copdns/everyone/pause/set", "OFF")
        eventually(lambda: heard["copdns/everyone/pause"] == "OFF")
        eventually(lambda: home.ask("open.example").data)

        # A switch that flutters fills no history.
        before = len(_history(home))
        broker.send("copdns/people/mia/pause/set", "ON\nOFF", times=20)
        broker.send("copdns/everyone/pause/set", "30")
        eventually(lambda: heard["copdns/everyone/pause"] == "ON")
        assert len(_history(home)) - before <= 8  # the last is one line a child

        assert home.metrics()["copdns_mqtt_connected"] == 1
        assert "ok    home automation: the broker at 127.0.0.1" in _doctor(home)
        (tmp_path / "password").write_text("wrong")
        assert "fail  home automation: the broker at 127.0.0.1" in _doctor(home)

        # A person who is removed is gone from the broker too.
        home.command("profile", "remove", "lia")
        eventually(lambda: not any("lia" in topic for topic in heard))
        assert home.program.stop()[0] == 0
        assert heard["copdns/status"] == "offline"


def test_a_broker_that_dies_or_floods_costs_no_answer(tmp_path: Path, broker: Broker) -> None:
    with told_home(tmp_path, broker) as home:
        with broker.running(), broker.heard() as heard:
            eventually(lambda: "copdns/everyone/pause" in heard)
            _ask_for(home, "games.example")  # told without who sent it, and what for
            eventually(lambda: heard.get("copdns/requests") == '{"event_type": "made"}')
            broker.send("copdns/people/mia/pause/set", "ON", "-r")
            eventually(lambda: not home.ask("open.example").data)
            home.command("pause", "mia", "--end")
            eventually(lambda: home.ask("open.example").data)
            broker.send("copdns/people/tom/pause/set", "ON", times=5000)
            slowest = max(_seconds(home, f"n{number}.open.example") for number in range(200))
            assert slowest < SLOW
            eventually(
                lambda: "home automation is not told anything" in home.program.output.so_far()
            )
            assert heard["copdns/status"] == "offline"
        assert home.ask("open.example").data
        with broker.running(), broker.heard() as heard:
            # What was pressed once, and kept by the broker, is not pressed again.
            eventually(lambda: heard.get("copdns/people/mia/pause") == "OFF")
            assert home.ask("open.example").data


def _doctor(home: House) -> str:
    return home.program.command("doctor").stdout


def _history(home: House) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home.data / "household.db")) as connection:
        return connection.execute(
            "select author, what from change where author = 'home automation'"
        ).fetchall()


def _ask_for(home: House, name: str) -> None:
    blocked = ContestedVerdict(Action.BLOCK, Reason.RULE)
    sent = AppealRequest("mia", "tablet", AppealKind.NAME, blocked, name, AppealMotive.SCHOOL)

    async def work() -> None:
        with HouseholdStore.open(home.data) as store:
            await AppealStore(store).file("home", sent, int(time()))

    asyncio.run(work())


def _seconds(home: House, name: str) -> float:
    began = monotonic()
    assert home.ask(name).data
    return monotonic() - began
