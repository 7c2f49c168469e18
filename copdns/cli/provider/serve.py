"""`copdns provider serve`: the staff's application, and what the public asks a provider."""

from __future__ import annotations

import asyncio
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copdns.cli.base import read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.provider.open_register import keys_of, open_register, special_names
from copdns.cli.provider.statement import hotlines_of, publisher_of
from copdns.lists.index import find_shown
from copdns.model.errors import ConfigError, ListenError

if TYPE_CHECKING:
    from aiohttp import web

    from copdns.web.staff.sign_on import SignOnSetup


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
    help="Of the families' pages, for links of portals. Default: there are none.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    default="127.0.0.1",
    help="Where it listens, without TLS: put a proxy before it. Default: 127.0.0.1.",
)
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8054, help="Default: 8054."
)
@pass_home
def serve(
    home: Home,
    origin: str,
    issuer: str,
    client: str,
    secret_file: Path,
    factor: str,
    families: str,
    listen: str,
    port: int,
) -> None:
    """Serve the operations of the staff, and the public's form, until SIGTERM or Ctrl-C.

    \b
    Example:  copdns provider serve --origin https://staff.provider.example
              --issuer https://login.provider.example --client copdns --secret-file secret
    """
    from copdns.web.staff.sign_on import SignOnSetup  # of the extra that no home has

    origin = origin.rstrip("/")
    if not origin.startswith(("https://", "http://127.0.0.1", "http://[::1]")):
        raise ConfigError("--origin: the staff's cookies go over HTTPS alone; write https://...")
    secret = read_text(secret_file, "name the file with the secret").strip()
    setup = SignOnSetup(issuer, client, secret, f"{origin}/staff/callback", factor)
    asyncio.run(_serve(home, setup, (origin, families.rstrip("/")), listen, port))


async def _serve(
    home: Home, setup: SignOnSetup, origins: tuple[str, str], listen: str, port: int
) -> None:
    import aiohttp

    from copdns.store.household_db.provider import ProviderStore
    from copdns.store.provider_db.desk_rows import DeskStore
    from copdns.store.provider_db.staff_sessions import StaffSessions
    from copdns.web.pages import Pages
    from copdns.web.staff.app import StaffSite, staff_app
    from copdns.web.staff.arrive import add_arrival
    from copdns.web.staff.desk_operations import DESK_OPERATIONS
    from copdns.web.staff.operations import REGISTER_OPERATIONS
    from copdns.web.staff.rollout_operations import ROLLOUT_OPERATIONS
    from copdns.web.staff.sign_on import SignOn
    from copdns.web.staff.site_form import add_site_form

    lists = home.lists
    index = lists.build_catalogue(lists.choose_for()).index
    with open_register(home, connections=4) as register:
        operator = register.load().operator  # a machine without its key says so now
        hotlines, pages = hotlines_of(operator.country if operator else ""), Pages()
        async with aiohttp.ClientSession() as session:
            site = StaffSite(
                register,
                DeskStore(register.pool),
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
            )
            operations = (*REGISTER_OPERATIONS, *DESK_OPERATIONS, *ROLLOUT_OPERATIONS)
            app = staff_app(site, operations)
            add_site_form(app, pages)
            if origins[1]:
                add_arrival(app, ProviderStore(register.pool), origins[1])
            await _listen(app, listen, port)


async def _listen(app: web.Application, listen: str, port: int) -> None:
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
