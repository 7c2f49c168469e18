"""schemathesis finds nothing in the running program: its document is true, nothing breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from copdns.roles import Role, scopes_for
from tests.running import Program, running
from tests.web.attacking import breaches

HOUSE = """
household: Example family
timezone: Europe/Paris
profiles:
  ada: {band: adult, devices: {ada-phone: [127.0.0.40]}}
  mia: {preset: 7-9, preset_times: true, devices: {mia-phone: [127.0.0.8]}}
  tom: {band: 13-15}
block: [games.example]
"""
DOCUMENT, EVENTS = "/api/v1/openapi.json", "/events$"  # these never end


@contextmanager
def house(folder: Path) -> Iterator[tuple[Program, str]]:
    """Give a running program and a token of its owner's for all that a token can be for."""
    (folder / "house.yaml").write_text(HOUSE)
    with running(folder, {"household": str(folder / "house.yaml")}) as program:
        yield program, token(program)


def token(program: Program) -> str:
    added = program.command("account", "add", "Ada", "--role", "owner")
    assert added.returncode == 0, added.stderr
    scopes = [f"--scope={each}" for each in sorted(scopes_for(Role.OWNER))]
    made = program.command("account", "token", "make", "Ada", "test", "--json", *scopes)
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["token"])


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, str]]:
    with house(tmp_path_factory.mktemp("house")) as made:
        yield made


def test_the_document_is_true(attacked: tuple[Program, str]) -> None:
    program, told = attacked
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    sent = {"Authorization": f"Bearer {told}"}
    assert breaches(address, sent, examples=5, without=EVENTS) == ""


def test_without_a_token_nothing_is_found_either(attacked: tuple[Program, str]) -> None:
    program, _ = attacked
    address = f"http://127.0.0.1:{program.web_port}{DOCUMENT}"
    assert breaches(address, examples=3, without=EVENTS) == ""
