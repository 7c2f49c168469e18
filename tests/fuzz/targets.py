"""What octets of others reach, each as one function: it returns, or raises what it promises.

Whatever else it raises is a bug.  `tests/fuzz/guided.py` looks for such octets, and those that
found one, or a new way through the code, are in the folder `corpus`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from copdns.dns.message import read_response
from copdns.dns.query import read_query
from copdns.household.check import KnownIds
from copdns.household.file import parse
from copdns.household.moving_in.recognise import read_file
from copdns.lists.parse import ListFormat, parse_list
from copdns.model.errors import CopdnsError
from copdns.network.leases import LeaseFormat, read_leases
from copdns.network.netlink import read_messages
from copdns.server.forwarders import read_device, read_proxy
from copdns.settings.config import load
from copdns.store.gravity import read_gravity
from copdns.time.ics import read_dates
from copdns.web.calendars import AHEAD

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[2]
NOW = 1_774_800_000.0
PARIS, DAY = ZoneInfo("Europe/Paris"), date(2026, 3, 29)

Target = Callable[[bytes], object]


def _text(octets: bytes) -> str:
    return octets.decode(errors="replace")


def _list(octets: bytes) -> object:
    """The first octet chooses the format."""
    forms = [*ListFormat]
    return parse_list(_text(octets[1:]), forms[octets[0] % len(forms)] if octets else forms[0])


def _leases(octets: bytes) -> object:
    forms = [*LeaseFormat]
    form = forms[octets[0] % len(forms)] if octets else LeaseFormat.AUTO
    return read_leases(_text(octets[1:]), form, NOW)


TARGETS: Mapping[str, Target] = {
    "query": read_query,
    "response": read_response,
    "list": _list,
    "settings": lambda octets: load(_text(octets), "copdns.yaml", {}),
    "household": lambda octets: parse(_text(octets), "household.yaml", KnownIds()),
    "proxy": read_proxy,
    "device": read_device,
    "leases": _leases,
    "calendar": lambda octets: read_dates(_text(octets), PARIS, DAY, DAY + AHEAD),
    "netlink": lambda octets: [*read_messages(octets)],  # it has what routers announce in it
    "move_in": lambda octets: read_file(octets, "file", read_gravity),
}


def run(target: str, octets: bytes) -> None:
    """Give octets to a target; raise only what is a bug."""
    with suppress(CopdnsError):  # said on purpose
        TARGETS[target](octets)


def corpus(target: str) -> Iterator[bytes]:
    """Yield what a run begins with: the kept octets, and files of the project of that kind."""
    for path in sorted((CORPUS / target).glob("*")):
        yield path.read_bytes()
    match target:
        case "settings":
            files = [*ROOT.glob("config/*.yaml")]
        case "household":
            files = [ROOT / "config" / "household-example.yaml", *ROOT.glob("config/presets/*")]
        case _:
            files = []
    for path in sorted(files):
        yield path.read_bytes()
