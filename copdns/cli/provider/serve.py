"""`copdns provider serve`: the staff's application, and what the public asks a provider.

`copdns provider welcome`, which lets subscribers of a portal in, is a program of its own: it writes
what families have, and the staff's may connect as a role that cannot.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copdns.cli.base import read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.provider.open_register import AnyCommand, keys_of, open_register, special_names
from copdns.cli.provider.statement import hotlines_of, publisher_of
from copdns.list_files.rollout_files import read_rollout_files
from copdns.lists.index import find_shown
from copdns.model.errors import ConfigError, ListenError
from copdns.model.household import LANGUAGES
from copdns.provider.staff.checklist import Installation

if TYPE_CHECKING:
    from aiohttp import web

    from copdns.store.postgres.connection import PostgresPool
    from copdns.web.staff.kept_documents import KeptDocuments
    from copdns.web.staff.sign_on import SignOnSetup


def listen_options(port: int) -> Callable[[AnyCommand], AnyCommand]:
    """Give a command --listen and --port."""

    def add_options(command: AnyCommand) -> AnyCommand:
        command = click.option(
            "--port",
            metavar="N",
            type=click.IntRange(0, 65535),
            default=port,
            help=f"Default: {port}.",
        )(command)
        return click.option(
            "--listen",
            metavar="ADDRESS",
            default="127.0.0.1",
            help="Where it listens, without TLS: put a proxy before it. Default: 127.0.0.1.",
        )(command)

    return add_options


@click.command()
@click.option("--origin", metavar="URL", required=True, help="Of its pages, as browsers see it.")
@click.option("--issuer", metavar="URL", required=True, help="The single sign-on (OpenID Connect).")
@click.option("--client", metavar="ID", required=True, help="What the sign-on calls this copdns.")
@click.option(
    "--secret-file",
    "secret_file",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file with the secret that the sign-on gave it.",
)
@click.option(
    "--factor",
    metavar="TEXT",
    default="",
    help="What the sign-on must name among its methods (the claim `amr`), such as mfa.",
)
@click.option(
    "--families",
    metavar="URL",
    default="",
    help="Of the families' pages, to let subscribers in by links of portals here, which takes the "
    "families' role of the database; better run copdns provider welcome.",
)
@click.option(
    "--published",
    metavar="FOLDER",
    default=None,
    type=click.Path(file_okay=False, path_type=Path),
    help="With signed statements and reports for the public. Default: none.",
)
@listen_options(8054)
@pass_home
def serve(
    home: Home,
    origin: str,
    issuer: str,
    client: str,
    secret_file: Path,
    factor: str,
    families: str,
    published: Path | None,
    listen: str,
    port: int,
) -> None:
    """Serve the staff's pages and operations, and those for the public, until SIGTERM or Ctrl-C.

    \b
    Example:  copdns provider serve --origin https://staff.provider.example
              --issuer https://login.provider.example --client copdns --secret-file secret
    """
    from copdns.web.staff.sign_on import SignOnSetup  # of the extra that no home has

    origin = read_origin(origin)
    secret = read_text(secret_file, "name the file with the secret").strip()
    setup = SignOnSetup(issuer, client, secret, f"{origin}/staff/callback", factor)
    asyncio.run(_serve(home, setup, (origin, families.rstrip("/")), published, listen, port))


def read_origin(origin: str) -> str:
    """Return an origin without a slash at its end; raise ConfigError for one without TLS."""
    if not re.match(r"https://[^/]|http://(127\.0\.0\.1|\[::1\])(:\d+)?/?$", origin):
        raise ConfigError("--origin: what is sent here goes over HTTPS alone; write https://...")
    return origin.rstrip("/")


async def _serve(
    home: Home,
    setup: SignOnSetup,
    origins: tuple[str, str],
    published: Path | None,
    listen: str,
    port: int,
) -> None:
    import aiohttp

    from copdns.store.household_db.provider import ProviderStore
    from copdns.store.provider_db.desk_rows import DeskStore
    from copdns.store.provider_db.staff_sessions import StaffSessions
    from copdns.web.pages import Pages
    from copdns.web.staff.app import staff_app
    from copdns.web.staff.arrive import PortalDoor, add_arrival
    from copdns.web.staff.desk_operations import DESK_OPERATIONS
    from copdns.web.staff.kept_documents import KeptDocuments
    from copdns.web.staff.operations import REGISTER_OPERATIONS
    from copdns.web.staff.rollout_operations import ROLLOUT_OPERATIONS
    from copdns.web.staff.sign_on import SignOn
    from copdns.web.staff.site import StaffSite
    from copdns.web.staff.site_form import add_site_form
    from copdns.web.staff.statement_page import add_statement

    lists = home.lists
    index = lists.build_catalogue(lists.choose_for()).index
    with open_register(home, connections=4) as register:
        kept = KeptDocuments(published, keys_of(home).public_key)
        require_staff_role(register.pool, lets_in=bool(origins[1]))
        desk = DeskStore(register.pool, keys_of(home))
        desk.begin_lines(int(time.time()))
        operator = register.load().operator  # a machine without its key says so now
        hotlines, pages = hotlines_of(operator.country if operator else ""), Pages()
        async with aiohttp.ClientSession() as session:
            site = StaffSite(
                register,
                desk,
                partial(find_shown, index),
                tuple((each.name, each.site) for each in hotlines),
                StaffSessions(register.pool),
                SignOn(setup, session),
                special_names(home),
                origins[0],
                time.time,
                keys_of(home),
                partial(publisher_of, home),
                pages,
                partial(_installation, home, kept, has_families=bool(origins[1])),
                partial(read_rollout_files, home.folder),
            )
            operations = (*REGISTER_OPERATIONS, *DESK_OPERATIONS, *ROLLOUT_OPERATIONS)
            app = staff_app(site, operations)
            add_site_form(app, pages)
            add_statement(app, site, kept)
            if origins[1]:
                store = ProviderStore(register.pool)
                add_arrival(app, PortalDoor(register, store, *origins, time.time))
            await listen_until_ended(app, listen, port)


def _installation(home: Home, kept: KeptDocuments, *, has_families: bool) -> Installation:
    """Return what the checklist of the staff cannot see in the register."""
    return Installation(
        has_families=has_families,
        has_archive=bool(kept.read()),
        tells_staff=home.settings.provider.rollouts.has_targets,
        languages=len(LANGUAGES),
    )


def require_staff_role(pool: PostgresPool, *, lets_in: bool) -> None:
    """Refuse to run as a role that is not right for the staff's program; raise StoreError.

    lets_in: subscribers come in here, which takes the role that owns the tables.
    """
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import require_duty

    warning = require_duty(pool, RoleDuty.STAFF)
    if warning:
        click.echo(f"warning: {warning}.", err=True)
    elif lets_in:
        raise ConfigError(
            "--families: the role of the staff's program lets nobody in; run copdns provider "
            "welcome with a role of its own"
        )


async def listen_until_ended(app: web.Application, listen: str, port: int) -> None:
    """Listen until a signal says to end."""
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, listen, port).start()
        except OSError as error:
            raise ListenError(f"{listen} port {port}: {error.strerror}") from error
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        click.echo(f"listening on {runner.addresses[0][0]} port {runner.addresses[0][1]}")
        await ended.wait()
    finally:
        await runner.cleanup()
