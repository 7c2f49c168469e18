"""`copdns provider welcome`: let subscribers in who come from the provider's portal.

It makes households, and shows nothing of any; its role of the database reads no rule and no
request.
"""

from __future__ import annotations

import asyncio
import time

import click

from copdns.cli.home import Home, pass_home
from copdns.cli.provider.open_register import open_register
from copdns.cli.provider.serve import listen_options, listen_until_ended, read_origin


@click.command()
@click.option(
    "--origin",
    metavar="URL",
    required=True,
    help="To which portals address their links: that of copdns provider serve, whose proxy sends "
    "/arrive here, or one of its own.",
)
@click.option(
    "--families", metavar="URL", required=True, help="Of the families' pages, for who comes."
)
@listen_options(8055)
@pass_home
def welcome(home: Home, origin: str, families: str, listen: str, port: int) -> None:
    """Let subscribers in by links of portals, until SIGTERM or Ctrl-C.

    \b
    Example:  copdns provider welcome --origin https://staff.provider.example
              --families https://family.provider.example
    """
    asyncio.run(_welcome(home, read_origin(origin), families.rstrip("/"), listen, port))


async def _welcome(home: Home, origin: str, families: str, listen: str, port: int) -> None:
    from copdns.store.household_db.provider import ProviderStore
    from copdns.store.provider_db.role_grants import RoleDuty
    from copdns.store.provider_db.role_rights import require_duty
    from copdns.web.staff.arrive import PortalDoor, welcome_app

    with open_register(home, connections=4) as register:
        if warning := require_duty(register.pool, RoleDuty.WELCOME):
            click.echo(f"warning: {warning}.", err=True)
        register.load()  # a machine without its key says so now
        door = PortalDoor(register, ProviderStore(register.pool), origin, families, time.time)
        await listen_until_ended(welcome_app(door), listen, port)
