"""A PostgreSQL for tests, on a socket in a temporary folder, run by a user who is not root."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.conftest import missing
from tests.templates import FOLDER

_FOLDERS = "/usr/lib/postgresql"
_USERS = ("postgres", "nobody")  # PostgreSQL refuses to be run by root
# What is lost when the machine fails is of no interest here.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")
_READY = "ready to accept connections"


@contextmanager
def running_postgres(options: Sequence[str] = QUICK) -> Iterator[str]:
    """Run a server with an empty database; yield how it is reached, as libpq takes it.

    options: of the server, such as "fsync=off"; none: as PostgreSQL comes.  Skips the test, or
    fails it where CI is set, if PostgreSQL is not installed.
    """
    with postgres_server(options) as server:
        yield server.conninfo


@dataclass
class PostgresServer:
    """A server that a test may end and start again.  process: None while it does not run."""

    folder: Path
    user: pwd.struct_passwd | None
    options: Sequence[str] = QUICK
    process: subprocess.Popen[str] | None = None

    @property
    def conninfo(self) -> str:
        return f"host={self.folder} user=copdns dbname=postgres"

    def start(self) -> None:
        """Start it, and return when it answers."""
        program = _find_programs() / "postgres"
        self.process = _start(self.user, program, self.folder, self.options)

    def stop(self) -> None:
        """End it in good order; those who are connected are cut off."""
        self._end(signal.SIGINT)  # the fast way down (postgres(1))

    def kill(self) -> None:
        """End all of its processes at once, as the machine's memory killer might."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        self._end(signal.SIGKILL)
        for each in children.split():
            with contextlib.suppress(ProcessLookupError):  # it saw its parent die
                os.kill(int(each), signal.SIGKILL)

    def lose(self) -> None:
        """End it with `kill -9`, if it runs, and put an empty one in its place, as on another
        machine."""
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder / "data")
        _init(self.user, _find_programs(), self.folder / "data")
        self.start()

    def run(self, program: str, *words: str | Path) -> None:
        """Run a program of PostgreSQL, such as pg_dump, as who runs the server."""
        _run(self.user, _find_programs() / program, *words)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.communicate(timeout=60)
        self.process = None


@contextmanager
def postgres_server(options: Sequence[str] = QUICK) -> Iterator[PostgresServer]:
    """Run a server as `running_postgres` does; yield it."""
    programs = _find_programs()
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user = _user()
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        _fill(user, programs, folder / "data")
        server = PostgresServer(folder, user, options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _find_programs() -> Path:
    found = sorted(Path(_FOLDERS).glob("*/bin/initdb"), key=lambda each: float(each.parts[-3]))
    if not found:
        missing("needs PostgreSQL (Debian's package postgresql)")
    return found[-1].parent


def _fill(user: pwd.struct_passwd | None, programs: Path, data: Path) -> None:
    """Make the files of an empty server, or copy those that a process of this run of tests made:
    a tenth of the work."""

    def make() -> None:
        _init(user, programs, data)

    kept = os.environ.get(FOLDER)
    if not kept:  # outside a run
        make()
        return
    first = Path(kept, "postgres")
    with first.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if first.exists():
            _copy(first, data)
        else:
            make()
            _copy(data, first)


def _init(user: pwd.struct_passwd | None, programs: Path, data: Path) -> None:
    # Its letters are not our letters: what a database was made with must not matter.
    _run(user, programs / "initdb", "-D", data, "-A", "trust", "-N", "-U", "copdns")


def _copy(folder: Path, target: Path) -> None:
    """Copy a folder, with whose each file is."""
    subprocess.run(["cp", "-a", folder, target], check=True)


def _user() -> pwd.struct_passwd | None:
    """Return who is to run it; None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next(known[name] for name in _USERS if name in known)


def _command(user: pwd.struct_passwd | None) -> dict[str, object]:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    who = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {"env": environment, "cwd": "/", **who}


def _run(user: pwd.struct_passwd | None, *command: str | Path) -> None:
    subprocess.run(  # type: ignore[call-overload]
        command, check=True, stdout=subprocess.DEVNULL, **_command(user)
    )


def _start(
    user: pwd.struct_passwd | None, program: Path, folder: Path, options: Sequence[str]
) -> subprocess.Popen[str]:
    """Start the server, and return when it answers."""
    settings = [part for each in options for part in ("-c", each)]
    process = subprocess.Popen(  # type: ignore[call-overload]
        [program, "-D", folder / "data", "-k", folder, "-h", "", *settings],
        stderr=subprocess.PIPE,
        text=True,
        **_command(user),
    )
    told = []
    for line in process.stderr:
        told.append(line)
        if _READY in line:
            return process
    process.wait()
    raise AssertionError("PostgreSQL did not start:\n" + "".join(told))


def empty(conninfo: str, schema: str) -> None:
    """Delete all rows of a schema's tables, but for what was migrated; ids begin at 1 again."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(_EMPTY.replace("SCHEMA", schema).encode())


_EMPTY = """
    do $$
    declare each record;
    begin
        set local session_replication_role = replica; -- without triggers and keys
        for each in
            select tablename from pg_tables
             where schemaname = 'SCHEMA' and tablename <> 'schema_step'
        loop
            execute format('delete from SCHEMA.%I', each.tablename);
        end loop;
        for each in select sequencename from pg_sequences where schemaname = 'SCHEMA' loop
            perform setval(format('SCHEMA.%I', each.sequencename), 1, false);
        end loop;
    end $$
"""
