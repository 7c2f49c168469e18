"""Accounts beside a running copdns: HTTPS, what is told of them, and guests."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from hashlib import sha256
from http.client import HTTPSConnection
from pathlib import Path
from time import time
from typing import TypeVar

from copdns.accounts.account import Code, GuestKind, Purpose
from copdns.accounts.codes import ACCOUNT_CODE, code_digest
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.looks import Notices
from copdns.store.household_db.thread import StoreThread
from copdns.web.certificate import FILE
from tests.e2e.house import MIA, POINTS_HOME, TOM, eventually, house
from tests.running import PATIENCE, free_port

T = TypeVar("T")

FAMILY = {
    "id": "home",
    "profiles": {"mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}, "block": ["a.example"]}},
}


def stored(folder: Path, work: Callable[[StoreThread], Awaitable[T]]) -> T:
    async def run() -> T:
        with StoreThread.open(folder) as thread:
            return await work(thread)

    return asyncio.run(run())


def https(port: int) -> dict[str, str]:
    return {**POINTS_HOME, "COPDNS_WEB__TLS_PORT": str(port)}


def certificate(port: int) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with closing(HTTPSConnection("127.0.0.1", port, timeout=PATIENCE, context=context)) as web:
        web.request("GET", "/healthz")
        assert web.getresponse().status == 200
        assert isinstance(web.sock, ssl.SSLSocket)
        found = web.sock.getpeercert(binary_form=True)
    assert found is not None
    return found


def test_the_pages_are_there_over_https_under_the_fingerprint_that_was_told(tmp_path: Path) -> None:
    port = free_port()
    with house(tmp_path, {}, FAMILY, environment=https(port)) as home:
        shown = sha256(certificate(port)).digest().hex(":").upper()
        assert home.program.get("/healthz") == "ok\n"
        _, said = home.program.stop()
    assert shown in said
    assert (home.data / FILE).stat().st_mode & 0o777 == 0o600


def test_without_its_port_all_else_goes_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with house(tmp_path, {}, FAMILY, environment=https(port)) as home:
            assert home.ask("b.example").data
            assert "see web.tls_port" in home.program.get("/readyz")


def test_a_guardian_who_is_removed_is_told_as_an_event(tmp_path: Path) -> None:
    with house(tmp_path, {}, FAMILY) as home:
        for name in ("Ada", "Other"):
            home.command("account", "add", name)
        home.command("account", "remove", "Other")

        def told() -> bool:
            async def untold(thread: StoreThread) -> bool:
                return not await Notices(thread).find_untold()

            return stored(home.data, untold)

        eventually(told)
        _, said = home.program.stop()
    assert "account removed" in said


def test_a_guest_has_the_rules_of_whom_they_are_let_in_as_at_once(tmp_path: Path) -> None:
    with house(tmp_path, {}, FAMILY) as home:
        assert home.ask("a.example", source=TOM).data

        async def approve(thread: StoreThread) -> None:
            guests = Guests(thread)
            await guests.approve("home", GuestKind.GUEST, TOM, "mia", "Ada", int(time()))

        stored(home.data, approve)
        eventually(lambda: not home.ask("a.example", source=TOM).data, within=1.0)


ADDING = """
import asyncio, sys
from pathlib import Path
from copdns.accounts.account import Account
from copdns.accounts.roles import Role
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.looks import Notices
from copdns.store.household_db.thread import StoreThread

async def add():
    with StoreThread.open(Path(sys.argv[1])) as thread:
        for number in range(40):
            account = Account("home", "", f"number {number}", Role.GUARDIAN)
            made = await Accounts(thread).add(account, None, 1_800_000_000)
            if number % 2:
                await Accounts(thread).remove("home", made.id, None, 1_800_000_001)
            print(number, flush=True)

asyncio.run(add())
"""


def test_a_killed_process_leaves_no_account_half_made(tmp_path: Path) -> None:
    with house(tmp_path, {}, FAMILY) as home:
        home.program.stop()
    with subprocess.Popen(
        [sys.executable, "-c", ADDING, home.data], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(5)]
        os.kill(process.pid, signal.SIGKILL)
        done = int([*told, *process.stdout.readlines()][-1])

    async def look(thread: StoreThread) -> tuple[set[str], int, int]:
        accounts = {each.name for each in await Accounts(thread).all("home")}
        notices, changes = await thread.read(_lines)
        return accounts, notices, changes

    accounts, notices, changes = stored(home.data, look)
    assert {f"number {number}" for number in range(0, done + 1, 2)} <= accounts
    assert not {f"number {number}" for number in range(1, done + 1, 2)} & accounts
    assert notices == changes  # each act with its line and its notice, or not at all


def _lines(connection: sqlite3.Connection) -> tuple[int, int]:
    (notices,) = connection.execute("select count(*) from notice").fetchone()
    (changes,) = connection.execute(
        "select count(*) from change where what like 'account %'"
    ).fetchone()
    return notices, changes


def test_the_first_start_prints_the_code_that_opens_the_set_up(tmp_path: Path) -> None:
    with house(tmp_path, {}, FAMILY) as home:
        _, said = home.program.stop()
    (line,) = [each for each in said.splitlines() if "nobody has an account yet" in each]
    told = json.loads(line)["code"]
    digest = code_digest(told, ACCOUNT_CODE)

    async def work(thread: StoreThread) -> Code | None:
        return await Accounts(thread).find_code(digest, int(time()))

    found = stored(tmp_path / "data", work)
    assert found is not None
    assert found.purpose is Purpose.SETUP
