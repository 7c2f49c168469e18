"""Open a provider's register for one command, and what its commands share."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copdns.cli.home import Home
from copdns.list_files.facts import load_facts
from copdns.list_files.load import files_of
from copdns.model.errors import ConfigError, RegisterError
from copdns.provider.law.edits import CONSOLE, require_staff
from copdns.provider.law.events import RegisterEvent
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.law.register import Register
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.plane.special_names import bundled_names
from copdns.provider.staff.duties import StaffMember
from copdns.time.moments import parse_moment

if TYPE_CHECKING:
    from copdns.store.provider_db.register_rows import RegisterStore

_LOGIN = Path("/proc/self/loginuid")
_NO_LOGIN = (1 << 32) - 1  # of a service, and in most containers

MOST_AHEAD = 60  # seconds that the clock here may be ahead of the database's

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


def keys_of(home: Home) -> ProviderKeys:
    """Return the keys of this machine."""
    return ProviderKeys(home.folder / KEYS_FOLDER)


@contextmanager
def open_register(home: Home, connections: int = 1) -> Iterator[RegisterStore]:
    """Open the register; raise ConfigError on a machine that is no provider's."""
    if not home.is_providers:
        raise ConfigError(
            "provider.database is empty, and only a provider has a register; name its PostgreSQL "
            "database"
        )
    from copdns.store.household_db.provider import ProviderStore  # no home has psycopg
    from copdns.store.postgres.connection import PostgresPool
    from copdns.store.provider_db.register_rows import RegisterStore

    pool = PostgresPool(home.settings.provider.database, most=connections)
    with ProviderStore.connect(pool) as store:
        yield RegisterStore(store.pool, keys_of(home), most_ahead=MOST_AHEAD)


def load_register(home: Home) -> Register:
    """Return what stands in the register."""
    with open_register(home) as store:
        return store.load()


def write_as_staff(
    home: Home, staff: str, edit: Callable[[Register, StaffMember], RegisterEvent | None]
) -> int:
    """Write what somebody of the staff enters; return the number of the entry."""

    def work(register: Register) -> RegisterEvent | None:
        return edit(register, require_staff(register, staff))

    return _write(home, staff, work)


def write_as_console(home: Home, edit: Callable[[Register], RegisterEvent | None]) -> int:
    """Write what whoever runs the machine enters; return the number of the entry."""
    return _write(home, CONSOLE, edit)


def _write(home: Home, by: str, edit: Callable[[Register], RegisterEvent | None]) -> int:
    with open_register(home) as store:
        entry = store.write(by, home.now, edit, shell_user())
        if entry is None:
            raise RegisterError("that is in the register already")
        return entry.number


def shell_user() -> str:
    """Return who is at this command line, by the operating system: "root, logged in as ada"."""
    return shell_text(os.getuid(), _login_user(), os.environ.get("SUDO_USER", ""))


def shell_text(uid: int, login: int | None, sudo: str) -> str:
    """Return who is at a command line.

    login: as whom the session was begun, by the kernel; None: not known.  sudo: who says to have
    used it, which for another user than root is whatever they put into their environment.
    """
    text = _user_name(uid)
    if login is not None and login != uid:
        text = f"{text}, logged in as {_user_name(login)}"
    elif login is None and uid == 0 and sudo:
        text = f"{text}, sudo by {sudo}"
    return "".join(each for each in text if each.isprintable())[:100]


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a user of a container that has no name there
        return f"uid {uid}"


def _login_user() -> int | None:
    try:
        found = int(_LOGIN.read_text())
    except (OSError, ValueError):  # a kernel without audit has no such file
        return None
    return None if found == _NO_LOGIN else found


def special_names(home: Home) -> SpecialNames:
    """Return the protected names in force on this machine."""
    return bundled_names(files_of(load_facts(home.folder)))


def checksum_of(path: Path) -> str:
    """Return the SHA-256 of a document."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RegisterError(
            "%(path)s cannot be used: %(why)s", path=str(path), why=str(error.strerror)
        ) from error


def moment(home: Home, text: str) -> int:
    """Return the second of a time, in UTC unless it says another zone; raise TextError."""
    return int(parse_moment(text, "UTC", home.now))


def as_option(command: AnyCommand) -> AnyCommand:
    """Give a command --as: the staff member who enters something."""
    return click.option(
        "--as",
        "staff",
        metavar="ID",
        required=True,
        help="Who of the staff enters this. Your user of the machine is noted beside it.",
    )(command)


def number_argument(command: AnyCommand) -> AnyCommand:
    """Give a command the number of an entry."""
    return click.argument("number", metavar="NUMBER", type=click.IntRange(1))(command)


def why_option(command: AnyCommand) -> AnyCommand:
    """Give a command --why."""
    return click.option("--why", metavar="TEXT", required=True, help="The reason, in words.")(
        command
    )


def document_option(command: AnyCommand) -> AnyCommand:
    """Give a command --document, as a path."""
    return click.option(
        "--document",
        metavar="FILE",
        required=True,
        type=click.Path(dir_okay=False, path_type=Path),
        help="The document; its SHA-256 checksum is kept, not the file.",
    )(command)
