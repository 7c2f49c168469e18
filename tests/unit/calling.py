"""Call the command line as a person does: a small family, a data folder, and a command."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from copdns.appeals.appeal import Appeal, AppealKind, AppealRequest, ContestedVerdict
from copdns.cli import main
from copdns.model.verdict import Action, Reason
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore

FAMILY = """\
household: Example family
timezone: Europe/Paris
protected: [school.example]
profiles:
  mia:
    name: Mia
    band: 7-9
    tags: [children]
    categories: [games]
    devices: {tablet: [127.0.0.1, 192.0.2.0/28]}
    block: [games.example]
  tom:
    name: Tom
    preset: 13-15
    devices: {phone: {name: Tom's phone, addresses: [127.0.0.2]}}
  ada: {name: Ada, preset: adult}
own_services:
  clubchat: {contact: strangers, names: [clubchat.example]}
"""

ABOUT_A_RULE = AppealRequest(
    "mia",
    "tablet",
    AppealKind.NAME,
    ContestedVerdict(Action.BLOCK, Reason.RULE),
    name="games.example",
)


@dataclass
class Home:
    """A family's settings, its file, and the folder of its databases."""

    folder: Path

    def __post_init__(self) -> None:
        self.data = self.folder / "data"
        self.settings = self.folder / "copdns.yaml"
        self.set()
        (self.folder / "family.yaml").write_text(FAMILY)
        (self.folder / "boards.txt").write_text("chess.example\nwww.go.example\n")

    def set(self, **sections: object) -> None:
        """Write the settings file, with sections besides the household and a list; JSON is YAML."""
        boards = {"slug": "boards", "path": "boards.txt", "category": "games"}
        lists = [boards | {"format": "domains", "match": "subtree"}]
        sections = {"sources": {"use": "none"}, "lists": lists, **sections}
        sections = {"household": "family.yaml", **sections}
        self.settings.write_text(json.dumps(sections))

    @property
    def start(self) -> list[str]:
        return ["-c", str(self.settings), "--data", str(self.data)]

    def call(self, *words: str, typed: str | None = None) -> Result:
        """Call copdns in this process; only SystemExit may end it."""
        octets = typed.encode(errors="surrogateescape") if typed is not None else None
        result = CliRunner().invoke(main, [*self.start, *words], input=octets)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def ok(self, *words: str, typed: str | None = None) -> str:
        """Call a command that must succeed, and return what it printed."""
        result = self.call(*words, typed=typed)
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.call(*words, "--json").stdout)

    def file_appeal(self, ask: AppealRequest = ABOUT_A_RULE, at: int | None = None) -> Appeal:
        """Store a request as the child's page does; at: epoch seconds, None: now."""

        async def work() -> Appeal:
            moment = int(time.time()) if at is None else at
            with HouseholdStore.open(self.data) as store:
                return (await AppealStore(store).file("home", ask, moment)).appeal

        return asyncio.run(work())

    def process(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start copdns as a process of its own, with further variables of the environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "copdns", *self.start, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | variables,
            text=True,
        )
