"""copdns as it is measured: a household with everything on, beside the same names as the peers.

Five people of different ages with their devices, told apart by address; presets, security,
safe search and the log in the mode `blocked` for all of them.  The bench's list is of a category
that all of them block, so that an answer's kind depends on its name alone.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tests.bench.build import NO_OPENSSL, BenchError, has_openssl
from tests.bench.names import RULED
from tests.bench.peers import BLOCKS, TCP, Place, replace

ROOT = Path(__file__).parents[2]
CATEGORY = "gambling"  # of the bench's list: the presets of all children block it
LANE = "fast_lane"  # the setting of `dns` that switches the lane
PEOPLE = {"mia": "7-9", "cousin": "10-12", "tom": "13-15", "sister": "16-17", "ada": "adult"}


@dataclass(frozen=True, slots=True)
class Build:
    """A copdns that can be run.

    name: by which it is told from the one that the bench is about, whose name is "".
    python: what runs it.  checkout: put before what is installed there; None: what is installed.
    """

    name: str = ""
    python: Path = Path(sys.executable)
    checkout: Path | None = ROOT

    def program(self) -> Sequence[str | Path]:
        """Return the command that it is, in any folder; the process becomes the program itself."""
        where = ["-u", "PYTHONPATH"] if self.checkout is None else [f"PYTHONPATH={self.checkout}"]
        return ["env", *where, self.python, "-m", "copdns"]

    def prepare(self) -> None:
        """Compile the modules of a checkout to bytecode, as pip does with what it installs.

        Where Python may not write bytecode, each start would compile them all anew.
        """
        if self.checkout is not None:
            modules = self.checkout / "copdns"
            subprocess.run([self.python, "-m", "compileall", "-q", modules], check=False)

    def told(self) -> str:
        """Return what it says of its version; raise BenchError when it does not run."""
        done = subprocess.run(
            [*self.program(), "--version"],
            env=environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise BenchError(f"{self.python} does not run copdns:\n{done.stderr[-500:]}")
        return done.stdout.strip()


def find_build(path: Path, name: str = "") -> Build:
    """Return the copdns at a path: a Python, a virtual environment or a checkout; or ValueError."""
    path = path.absolute()  # not resolved: the Python of a virtual environment is a link
    if (path / "copdns" / "__init__.py").is_file():
        return Build(name, checkout=path)
    for python in (path / "bin" / "python", path):
        if python.is_file() and os.access(python, os.X_OK):
            return Build(name, python, checkout=None)
    raise ValueError(f"{path} is no Python, no virtual environment and no checkout of copdns")


@dataclass(frozen=True, slots=True)
class Copdns:
    """A copdns as it is measured.

    lane: whether the fast lane is on; None: by default.  many: for a town instead of a family.
    timed: with 50 schedules, 10 budgets and 200 rules for each of the family.
    over_tls: whether it asks its upstream by DNS over TLS.
    extra, extra_household: sections of settings, and the household, in place of ours.
    under: a command to start it by.  build: which copdns.
    """

    name: str
    lane: bool | None = None
    many: bool = False
    timed: bool = False
    over_tls: bool = False
    extra: Mapping[str, object] | None = None
    extra_household: Mapping[str, Any] | None = None
    under: Sequence[str] = ()
    build: Build = Build()
    offers: frozenset[str] = frozenset({BLOCKS, TCP})
    main_only: bool = True  # its log is written by a thread that must not hold it up

    def built_by(self, build: Build) -> Copdns:
        """Return the same of another build, and with its name, such as `copdns@before`."""
        name = f"{self.name}@{build.name}" if build.name else self.name
        return dataclasses.replace(self, name=name, build=build)

    def missing(self) -> str:
        if self.over_tls and not has_openssl():
            return NO_OPENSSL
        return ""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        replace(place.folder / "names.txt", (f"{name}\n" for name in names))

    def write_settings(self, place: Place) -> None:
        (place.folder / "home.yaml").write_text(json.dumps(self._household()))  # is YAML
        (place.folder / "copdns.yaml").write_text(json.dumps(self._settings(place)))

    def _household(self) -> dict[str, Any]:
        if self.extra_household is not None:
            return dict(self.extra_household)
        return town() if self.many else household(timed=self.timed)

    def _settings(self, place: Place) -> dict[str, object]:
        dns: dict[str, object] = {"listen": ["127.0.0.1", "::1"], "port": place.port}
        if self.lane is not None:
            dns[LANE] = self.lane
        names = {"slug": "bench", "path": "names.txt", "category": CATEGORY}
        return {
            "dns": dns,
            "web": {"listen": ["127.0.0.1"], "port": place.control, "tls_port": 0},
            "upstreams": {"servers": [self._upstream(place)]},
            "rebinding": {"allow": ["127.0.0.0/8"]},
            "sources": {
                "use": "none"
            },  # nothing is fetched: the lists are those that ship and ours
            "lists": [{**names, "format": "domains", "match": "subtree"}],
            "household": "home.yaml",
            "data": "data",
            **(self.extra or {}),
        }

    def _upstream(self, place: Place) -> str:
        if self.over_tls:
            return place.encrypted
        return f"127.0.0.1:{place.upstream}"

    def command(self, place: Place) -> Sequence[str | Path]:
        settings = place.folder / "copdns.yaml"
        return [*self.under, *self.build.program(), "-c", settings, "run"]

    def reload(self, place: Place, process: int) -> None:
        os.kill(process, signal.SIGHUP)


def household(*, timed: bool = False) -> dict[str, Any]:
    """Return the household file's content; devices are where load.c asks from.

    Each person has two whole networks, for the usual questions, and 40 single addresses, for those
    from 200 devices.
    """
    people = {
        person: {
            **_profile(preset),
            **(times(person) if timed else {}),
            "devices": _devices(person, 2 * number + 1),
        }
        for number, (person, preset) in enumerate(PEOPLE.items())
    }
    return {"household": "Bench", "guest": "mia", "block": [f"={RULED}"], "profiles": people}


SIX = "::1"  # from where all questions over IPv6 come
SINGLE_TURNS = range(100, 120)  # the third number of single addresses; load.c begins with it (-b)


def _devices(person: str, first: int) -> dict[str, list[str]]:
    """Return a person's devices; first: the second number of their addresses, or that plus one."""
    networks = {f"{person}-{each}": [f"127.{first + each}.0.0/16"] for each in (0, 1)}
    if person == "mia":
        networks["mia-0"].append(SIX)
    singles = {
        f"{person}-{turn}-{each}": [f"127.{first + each}.{turn}.1"]
        for turn in SINGLE_TURNS
        for each in (0, 1)
    }
    return networks | singles


SERVICES = (
    *("youtube", "netflix", "twitch", "tiktok", "instagram", "snapchat", "discord", "reddit"),
    *(
        "spotify",
        "roblox",
        "minecraft",
        "fortnite_epic",
        "steam",
        "whatsapp",
        "telegram",
        "facebook",
    ),
)


def times(person: str) -> dict[str, Any]:
    """Return 50 schedules, 10 budgets and 200 rules that close nothing of what the bench asks.

    Bedtimes would; so all but one budget are about services, and that one lasts nearly all day.
    """
    schedules = {
        f"{person}-s{number}": {
            "closed": [f"school {8 + number % 12}:00-{9 + number % 12}:30", "sat,sun 10:00-11:00"],
            "about": [f"service:{SERVICES[number % len(SERVICES)]}"],
        }
        for number in range(50)
    }
    budgets: dict[str, Any] = {
        f"{person}-b{number}": {"minutes": 60, "about": [f"service:{SERVICES[number]}"]}
        for number in range(9)
    }
    budgets[f"{person}-all"] = {"minutes": 1439}
    rules = {
        "allow": [f"good{number}.{person}.example" for number in range(100)],
        "block": [f"bad{number}.{person}.example" for number in range(100)],
    }
    return {"schedules": schedules, "budgets": budgets, **rules}


MANY_PROFILES, MANY_DEVICES, MANY_RULES = 1_000, 10_000, 20
_PRESETS = ("0-6", *PEOPLE.values())


def town() -> dict[str, Any]:
    """Return a household of 1,000 profiles on six presets, 20 own rules each, 10,000 devices.

    One device in five has an address that load.c asks from when it has 2,000 sources.
    """
    places = [
        f"127.{device}.{turn}.{host}"
        for host in range(1, 6)
        for turn in range(MANY_DEVICES // 50)
        for device in range(1, 11)
    ]
    people = {
        f"p{number}": {
            **_profile(_PRESETS[number % len(_PRESETS)]),
            "allow": [f"good{rule}.p{number}.example" for rule in range(MANY_RULES // 2)],
            "block": [f"bad{rule}.p{number}.example" for rule in range(MANY_RULES // 2)],
            "devices": {
                f"d{at}": [places[at]] for at in range(number, MANY_DEVICES, MANY_PROFILES)
            },
        }
        for number in range(MANY_PROFILES)
    }
    return {"household": "Town", "guest": "p1", "block": [f"={RULED}"], "profiles": people}


def _profile(preset: str) -> dict[str, Any]:
    """Return a profile that lets through what is in no list, and blocks the bench's list."""
    adult = {"categories": [CATEGORY]} if preset == "adult" else {}
    return {"preset": preset, "default": "allow", "privacy": "blocked", **adult}


def environment() -> dict[str, str]:
    """Return our environment without settings of a copdns."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COPDNS_")}


def metric(place: Place, name: str) -> float:
    """Return a number of a running copdns; raise OSError when its pages do not answer."""
    with urlopen(f"http://127.0.0.1:{place.control}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    found = [float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")]
    return sum(found)
