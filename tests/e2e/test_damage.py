"""Whatever happens to a file of the data folder: rules and help names are answered, what was
confirmed is there, and damage is told."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.house import MIA, House, eventually, house
from tests.e2e.test_trouble import readiness

FAMILY = {
    "id": "home",
    "profiles": {"mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}}},
    "block": ["games.example"],
}
BLOCKED = (17, "rule: games.example")
HELP = "childline.org.uk"


def is_answering(home: House) -> bool:
    return home.ask("games.example").ede == BLOCKED and bool(home.ask(HELP).data)


def test_x(tmp_path: Path) -> None:
    with house(tmp_path, household=FAMILY) as home:
        assert is_answering(home)
        home.program.stop()
    path = tmp_path / "data" / "household.db"
    print({e.name: e.stat().st_size for e in path.parent.iterdir()})
    for way in ("flip", "empty", "gone", "cut"):
        o = bytearray(path.read_bytes()) if path.exists() else bytearray()
        if way == "flip":
            o[len(o) // 2] ^= 1
            path.write_bytes(o)
        elif way == "empty":
            path.write_bytes(b"")
        elif way == "gone":
            path.unlink()
        elif way == "cut":
            path.write_bytes((path.parent / "household.db.stand-in").read_bytes()[:9000])
        with house(tmp_path, household=FAMILY) as home:
            assert is_answering(home)
            print(way, readiness(home))
            home.command("rule", "add", "block", f"{way}.example")
            eventually(lambda: home.ask(f"{way}.example").ede)
            print(home.command("rule", "list"))
            home.program.stop()
    assert 0
