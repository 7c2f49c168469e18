"""A change by another process is in force within a second, whatever it is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.house import MIA, TOM, House, eventually, house
from tests.encrypted_server import make_certificate
from tests.running import free_port

SOON = 1.0  # seconds, from the end of a command to the changed answer

FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"band": "7-9", "devices": {"mia-tablet": [MIA, "::1"]}},
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}},
    },
}
SETTINGS = {"dns": {"listen": ["127.0.0.1", "::1"]}}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("home"), SETTINGS, FAMILY) as found:
        yield found


def blocked(home: House, name: str, source: str = MIA) -> Callable[[], bool]:
    return lambda: not home.ask(name, source=source).data


def opened(home: House, name: str, source: str = MIA) -> Callable[[], bool]:
    return lambda: bool(home.ask(name, source=source).data)


WAYS = [(MIA, False), (MIA, True), ("::1", False), ("::1", True)]


def test_a_rule_is_in_force_within_a_second_on_every_way_to_ask(home: House) -> None:
    assert all(home.ask("chess.example", "A", *way).data for way in WAYS)

    home.at_once("rule", "add", "block", "chess.example", "--profile", "mia")
    eventually(
        lambda: not any(home.ask("chess.example", "A", *way).data for way in WAYS), within=SOON
    )
    assert home.ask("chess.example", source=TOM).data

    home.at_once("rule", "remove", "chess.example", "--profile", "mia")
    eventually(lambda: all(home.ask("chess.example", "A", *way).data for way in WAYS), within=SOON)


def test_what_applies_to_a_person_can_change_at_once(home: House) -> None:
    assert home.ask("bet365.com").data
    home.at_once("profile", "set", "mia", "--category", "gambling", "--block-mode", "nxdomain")
    eventually(lambda: home.ask("bet365.com").rcode == "NXDOMAIN", within=SOON)
    home.at_once("profile", "set", "mia", "--no-category", "gambling", "--block-mode", "nodata")
    eventually(opened(home, "bet365.com"), within=SOON)


def test_a_device_can_get_another_owner_at_once(home: House) -> None:
    home.at_once("rule", "add", "block", "films.example", "--profile", "tom")
    assert home.ask("films.example", source="127.0.0.9").data
    home.at_once("device", "add", "tom-laptop", "127.0.0.9", "--profile", "tom")
    eventually(blocked(home, "films.example", "127.0.0.9"), within=SOON)
    home.at_once("device", "remove", "tom-laptop")
    eventually(opened(home, "films.example", "127.0.0.9"), within=SOON)


def test_an_imported_household_takes_the_place_of_the_old_one_at_once(
    home: House, tmp_path: Path
) -> None:
    saved, other = tmp_path / "saved.yaml", tmp_path / "other.yaml"
    home.at_once("household", "export", saved)
    other.write_text(json.dumps({**FAMILY, "block": ["imported.example"]}))
    home.at_once("household", "import", other)
    eventually(blocked(home, "imported.example"), within=SOON)
    home.at_once("household", "import", saved)
    eventually(opened(home, "imported.example"), within=SOON)
    assert home.at_once("household", "export") == saved.read_text()


def test_an_import_with_a_mistake_says_where_and_changes_nothing(
    home: House, tmp_path: Path
) -> None:
    before = home.at_once("household", "export")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("block: [chess.example]\nprofiles:\n  mia: {band: 99}\n")
    done = home.program.command("household", "import", wrong)
    assert done.returncode == 78
    assert f"{wrong}:3:9:" in done.stderr
    assert home.at_once("household", "export") == before
    assert home.ask("chess.example").data


def test_names_of_the_house_come_and_go_at_once(home: House) -> None:
    assert home.ask("printer.home.arpa").data == []
    home.at_once("local", "add", "printer.home.arpa", "192.168.1.20")
    eventually(lambda: home.ask("printer.home.arpa").data == ["192.168.1.20"], within=SOON)
    home.at_once("local", "remove", "printer.home.arpa")
    eventually(lambda: home.ask("printer.home.arpa").rcode == "NXDOMAIN", within=SOON)
    assert home.ask("printer.home.arpa").data == []


# --- settings: read again on SIGHUP -------------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Iterator[House]:
    """A home whose settings may change."""
    with house(tmp_path, SETTINGS, FAMILY) as found:
        yield found


def test_a_list_and_a_setting_are_taken_over_without_a_restart(own: House, tmp_path: Path) -> None:
    listed = tmp_path / "ours.txt"
    listed.write_text("listed.example\n")
    ours = {"slug": "ours", "path": str(listed), "category": "gambling"}
    settings = {
        **SETTINGS,
        "dns": {**SETTINGS["dns"], "block_ttl": 7},
        "lists": [{**ours, "format": "domains", "match": "subtree"}],
    }
    own.command("profile", "set", "mia", "--category", "gambling")
    eventually(blocked(own, "bet365.com"))
    assert own.ask("listed.example").data

    (tmp_path / "copdns.yaml").write_text(json.dumps(settings))
    own.program.reload()
    reply = own.ask("www.listed.example")
    assert reply.ede == (17, "category: gambling (list ours)")
    assert reply.message.authority[0].ttl == 7
    assert own.ask("listed.example", source=TOM).data

    listed.write_text("")
    own.program.reload()
    assert own.ask("listed.example").data


def test_no_page_offers_encrypted_dns_of_settings_that_wait_for_the_next_start(
    own: House, tmp_path: Path
) -> None:
    """A device that was set up by them would find no sites: nothing listens there yet."""
    made = make_certificate(tmp_path / "certificate")
    encrypted = {
        "name": "dns.example.net",
        "https_port": free_port(),
        "certificate": str(made.path),
        "key": str(made.path),
    }
    (tmp_path / "copdns.yaml").write_text(json.dumps({**SETTINGS, "encrypted": encrypted}))
    for _ in range(2):
        own.program.reload()
        assert "This is not set up in your home." in own.program.get("/device/setup")
    _, said = own.program.stop()
    assert said.count("take effect at the next start") == 2  # for as long as they wait


def test_settings_with_mistakes_change_nothing_and_each_is_told_with_its_place(
    own: House, tmp_path: Path
) -> None:
    own.command("rule", "add", "block", "games.example")
    eventually(blocked(own, "games.example"))
    file = tmp_path / "copdns.yaml"
    file.write_text("dns:\n  block_ttl: soon\n  prt: 53\nlists: 3\n")
    own.program.reload()
    assert own.ask("games.example").ede == (17, "rule: games.example")
    assert own.ask("chess.example").data
    code, said = own.program.stop()
    assert code == 0
    for place in (f"{file}:2:3:", f"{file}:3:3:", f"{file}:4:1:"):
        assert place in said


def test_no_change_is_lost_between_reloads(own: House) -> None:
    for number in range(3):
        for _ in range(6):
            own.program.send_reload()
        own.command("rule", "add", "block", f"films-{number}.example")
        eventually(blocked(own, f"films-{number}.example"))
    assert own.ask("chess.example").data
