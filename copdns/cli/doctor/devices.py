"""`copdns doctor`: are MAC addresses read, and can the running copdns tell devices apart?"""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from copdns.cli.doctor.finding import Finding, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.network.machine import listen_addresses
from copdns.network.neighbours import REMEDY, read_table
from copdns.network.same_client import ALIKE
from copdns.settings.config import AUTO
from copdns.store.log_db.unknown_devices import load_unknown_devices

LOADING = 20.0  # seconds for a page, the first of which has all of them loaded


def check_neighbours(home: Home) -> Iterator[Finding]:
    """Check that MAC addresses are read; report unknown devices and devices that look alike."""
    yield _check_mac_addresses(home)
    devices = [
        each for each in load_unknown_devices(home.folder) if each.household == home.household.id
    ]
    if devices:
        unknown = count_text(len(devices), "unknown device")
        yield ok("neighbours", f"{unknown}; `copdns device unknown` lists them")
    for warning in _ask_warnings(home):
        yield warn("neighbours", warning.partition(": ")[0], warning.partition(": ")[2])


def _check_mac_addresses(home: Home) -> Finding:
    if home.settings.identity.neighbours != AUTO:
        with_mac = [each.id for each in home.household.devices if each.macs]
        if with_mac:
            todo = "set identity.neighbours to auto"
            return warn(
                "neighbours", f"the MAC addresses of {', '.join(with_mac)} are not read", todo
            )
        return ok("neighbours", "MAC addresses are not read, as configured")
    try:
        found = read_table()
    except OSError as error:
        return warn("neighbours", f"MAC addresses cannot be read: {error.strerror}", REMEDY)
    return ok("neighbours", f"{len(set(found.values()))} MAC addresses seen on the network")


def _ask_warnings(home: Home) -> Iterator[str]:
    """Yield the running copdns's warnings of devices that look alike; nothing where none runs."""
    web = home.settings.web
    for address in listen_addresses(web.listen)[:1]:
        connection = HTTPConnection(address, web.port, timeout=LOADING)
        try:
            connection.request("GET", "/readyz")
            text = connection.getresponse().read(1 << 16).decode(errors="replace")
        except (OSError, HTTPException):
            return
        finally:
            connection.close()
        yield from (line for line in text.splitlines() if line.startswith(ALIKE))
