"""docs/events.md is whole: every event, every key, and what it shows works as shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from copdns.model.events import Event, EventKind, PauseEvent, TimeEvent, event_json
from copdns.model.verdict import Reason
from copdns.settings.config import load

PAGE = (Path(__file__).parents[3] / "docs/events.md").read_text()
NINE = 1_795_636_800.0
BEDTIME = TimeEvent(
    EventKind.TIME_CLOSED, "home", "mia", Reason.SCHEDULE, "bedtime", NINE, everything=True
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_every_event_and_every_key_is_explained() -> None:
    keys = {key for family in get_args(Event) for key in family._fields} - {"kind"}
    words = [*map(str, EventKind), "event", *sorted(keys)]
    assert [each for each in words if f"`{each}`" not in PAGE] == []


def test_what_is_shown_of_a_webhook_is_what_is_sent() -> None:
    (shown,) = blocks("json")
    assert json.loads(shown) == event_json(
        BEDTIME._replace(kind=EventKind.TIME_WARNING, minutes=15)
    )


def test_the_settings_that_are_shown_are_settings() -> None:
    shown = [load(each, "/etc/copdns/copdns.yaml", {}).events for each in blocks("yaml")]
    assert len(shown) == 4
    assert shown[-1].command == ("/etc/copdns/cut-connections",)
    assert shown[-1].command_kinds == (EventKind.TIME_CLOSED, EventKind.PAUSE_BEGAN)


# --- the program that cuts connections -----------------------------------------------------------

DEVICES = [
    {
        "id": "tablet",
        "name": "",
        "profile": "mia",
        "addresses": ["192.0.2.8", "2001:db8::8"],
        "macs": [],
    },
    {"id": "phone", "name": "", "profile": "mia", "addresses": [], "macs": ["02:00:00:00:00:01"]},
    {"id": "attic", "name": "", "profile": "mia", "addresses": ["198.51.100.0/24"], "macs": []},
]
NEIGHBOURS = [
    {"dst": "192.0.2.9", "lladdr": "02:00:00:00:00:01"},
    {"dst": "192.0.2.10", "lladdr": "02:00:00:00:00:02"},
    {"dst": "192.0.2.11", "state": ["FAILED"]},
]
CUT = [
    "copdns device list --profile mia --json",
    "ip -json neigh",
    "nft add element inet copdns cut4 { 192.0.2.8 }",
    "conntrack -D -f ipv4 -s 192.0.2.8",
    "nft add element inet copdns cut4 { 192.0.2.9 }",
    "conntrack -D -f ipv4 -s 192.0.2.9",
    "nft add element inet copdns cut6 { 2001:db8::8 }",
    "conntrack -D -f ipv6 -s 2001:db8::8",
]


def asked_for(event: Event, folder: Path) -> list[str]:
    """Run the program of the page, and return which programs it started."""
    (code,) = blocks("python")
    says = {"copdns": DEVICES, "ip": NEIGHBOURS, "nft": "", "conntrack": ""}
    for name, said_by in says.items():
        program = folder / name
        program.write_text(
            f"#!/bin/sh\necho {name} \"$@\" >>'{folder}/asked'\n"
            f"cat <<'END'\n{json.dumps(said_by)}\nEND\n"
        )
        program.chmod(0o755)
    (folder / "asked").touch()
    subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(event_json(event)),
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        check=True,
        text=True,
    )
    return (folder / "asked").read_text().splitlines()


@pytest.mark.parametrize("event", [BEDTIME, PauseEvent(EventKind.PAUSE_BEGAN, "home", "mia", NINE)])
def test_connections_of_the_devices_of_a_profile_are_cut(event: Event, tmp_path: Path) -> None:
    assert asked_for(event, tmp_path) == CUT


def test_when_something_alone_closes_nothing_is_cut(tmp_path: Path) -> None:
    assert asked_for(BEDTIME._replace(everything=False), tmp_path) == []
