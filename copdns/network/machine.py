"""What this machine knows of its network, and of itself: its own addresses, the resolvers it was
given, and its memory."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from copdns.config import AUTO
from copdns.model.addresses import UpstreamAddress, upstream_address
from copdns.model.errors import ListenError
from copdns.model.times import is_timezone
from copdns.network import machine
from copdns.network.kernel import Connect, dump_table, open_netlink
from copdns.network.netlink import Own, own_request

RESOLV_CONF = Path("/etc/resolv.conf")
_LOOPBACK = ("127.0.0.1", "::1")
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def private_addresses(connect: Connect = open_netlink) -> tuple[str, ...]:
    """Return loopback and every private address of this machine, sorted.

    Public addresses are left out: whoever wants to serve the world has to say so.
    """
    try:
        with closing(connect(0)) as questions:
            found = {
                each.address
                for each in dump_table(questions, own_request(1), 1)
                if isinstance(each, Own)
            }
    except OSError as error:
        raise ListenError(
            f"the kernel could not list the addresses for 'auto' ({error.strerror}); write the "
            "addresses instead"
        ) from error
    # A link-local address needs its interface's name to be bound to; nobody is handed one.
    private = [each for each in found if _is_private(each)]
    return tuple(sorted({*_LOOPBACK, *private}))


def _is_private(text: str) -> bool:
    address = ip_address(text)
    return address.is_private and not address.is_link_local


def own_zone(told: str = "", etc: Path = Path("/etc")) -> str:
    """Return the time zone of this machine, such as "Europe/Paris"; "" where it is not told.

    told: the variable TZ, which goes before the files (tzset(3)).
    """
    for found in (told.removeprefix(":"), _first_line(etc / "timezone"), _link(etc / "localtime")):
        if is_timezone(found) and not found.startswith("/"):
            return found
    return ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    """Return the zone that a link to a file of zones names: what is below `zoneinfo/`."""
    try:
        return str(path.readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""


def system_resolvers(
    own: Collection[str], port: int, path: Path = RESOLV_CONF
) -> tuple[UpstreamAddress, ...]:
    """Return the resolvers that this machine was given, without ourselves (resolv.conf(5)).

    own, port: where we listen; asking ourselves would never end.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ()
    found = dict.fromkeys(_nameservers(text.splitlines()))
    return tuple(each for each in found if not (each.port == port and _is_own(each.host, own)))


def _is_own(host: str, own: Collection[str]) -> bool:
    """Tell whether an address is ours; whoever listens everywhere has all of loopback."""
    everywhere = any(ip_address(each).is_unspecified for each in own)
    return host in own or (everywhere and ip_address(host).is_loopback)


def _nameservers(lines: Iterable[str]) -> Iterable[UpstreamAddress]:
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                yield upstream_address(words[1])
            except ValueError:
                continue  # another program's file: what it cannot mean is not ours to judge


def in_container() -> bool:
    """Tell whether this is a container of Docker or Podman, which may have a network of its own."""
    return any(each.exists() for each in _CONTAINERS)


def identity(path: Path = RESOLV_CONF) -> object:
    """Return something that differs once the file with the resolvers changed."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def clock_is_synchronised() -> bool:
    """Tell whether systemd-timesyncd has set the clock since this machine started.

    Other time services do not say so to everybody; the system call that would is not among those
    that the unit allows.
    """
    return _SYNCHRONISED.exists()


ADDRESS_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def listen_addresses(chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses that are meant: "auto" is what this machine has right now."""
    found: dict[str, None] = {}
    for each in chosen:
        found |= dict.fromkeys(machine.private_addresses() if each == AUTO else (each,))
    return tuple(found)
