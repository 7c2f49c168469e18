"""`copdns doctor`: are devices recognised, and does the running copdns see them apart?"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from copdns.cli.doctor.finding import Finding, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import counted
from copdns.config import AUTO
from copdns.network.machine import listen_addresses
from copdns.network.neighbours import REMEDY, read_once
from copdns.network.same_client import ALIKE
from copdns.store.log_db.unknown_devices import load_visitors

PATIENCE = 2.0  # seconds


def recognised(home: Home) -> Iterator[Finding]:
    """Say whether MAC addresses are seen, who is unknown, and what the running copdns warns of."""
    yield _neighbours(home)
    visitors = [each for each in load_visitors(home.folder) if each.household == home.household.id]
    if visitors:
        unknown = counted(len(visitors), "unknown device")
        yield ok("neighbours", f"{unknown}; `copdns device unknown` lists them")
    for warning in _warnings(home):
        yield warn("neighbours", warning.partition(": ")[0], warning.partition(": ")[2])


def _neighbours(home: Home) -> Finding:
    if home.settings.identity.neighbours != AUTO:
        named = [each.id for each in home.household.devices if each.macs]
        if named:
            todo = "set identity.neighbours to auto"
            return warn("neighbours", f"the MAC addresses of {', '.join(named)} are not read", todo)
        return ok("neighbours", "MAC addresses are not read, as configured")
    try:
        found = read_once()
    except OSError as error:
        return warn("neighbours", f"MAC addresses cannot be read: {error.strerror}", REMEDY)
    return ok("neighbours", f"{len(set(found.values()))} MAC addresses seen on the network")


def _warnings(home: Home) -> Iterator[str]:
    """Yield what the running copdns says of devices that look alike; nothing when none runs."""
    web = home.settings.web
    for address in listen_addresses(web.listen)[:1]:
        connection = HTTPConnection(address, web.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/readyz")
            said = connection.getresponse().read(1 << 16).decode(errors="replace")
        except (OSError, HTTPException):
            return
        finally:
            connection.close()
        yield from (line for line in said.splitlines() if line.startswith(ALIKE))
