"""Tell whoever reads the console how the first account is made, while there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import structlog

from copdns.config import WebSettings
from copdns.model.hosts import DESK_HOST, desk_url
from copdns.network.machine import listen_addresses
from copdns.web.desk_access import is_loopback
from copdns.web.logins import Logins

log = structlog.get_logger("copdns")


async def tell_code(
    logins: Logins, households: Iterable[str], web: WebSettings, now: float
) -> None:
    """Tell the page and a code for each household without an account; raise StoreError.

    now: seconds since the epoch.
    """
    # Where only this machine is served, its own browser does not ask us for names.
    own = await asyncio.to_thread(listen_addresses, web.listen)
    host = DESK_HOST if any(not is_loopback(each) for each in own) else own[0]
    page = f"{desk_url(web.port, web.tls_port, host)}setup"
    for household in households:
        code = await logins.setup_code(household, int(now))
        if code:
            log.warning(
                "nobody has an account yet; open the page and enter the code within an hour",
                page=page,
                code=code,
            )
