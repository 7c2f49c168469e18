"""What this machine knows of itself: its addresses, its resolvers, its time zone, and whether a
time service set its clock."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from copdns.model.addresses import Transport, UpstreamAddress, upstream_address
from copdns.model.errors import ListenError
from copdns.model.times import is_timezone
from copdns.network import machine
from copdns.network.kernel import Connect, dump_table, open_netlink
from copdns.network.netlink import OwnAddress, own_addresses_request
from copdns.settings.config import AUTO

RESOLV_CONF = Path("/etc/resolv.conf")
_LOOPBACK = ("127.0.0.1", "::1")
_SYNCHRONISED = Path("/run/systemd/timesync/synchronized")
_CONTAINERS = (Path("/.dockerenv"), Path("/run/.containerenv"))


def private_addresses(connect: Connect = open_netlink) -> tuple[str, ...]:
    """Return loopback and every private address of this machine, sorted.

    Public addresses are left out: to serve them, the settings must name them.
    """
    try:
        with closing(connect(0)) as questions:
            found = {
                each.address
                for each in dump_table(questions, own_addresses_request(1), 1)
                if isinstance(each, OwnAddress)
            }
    except OSError as error:
        raise ListenError(
            f"the kernel could not list the addresses for 'auto' ({error.strerror}); write the "
            "addresses instead"
        ) from error
    # A link-local address can only be bound with its interface, and is no resolver to hand out.
    private = [each for each in found if _is_private(each)]
    return tuple(sorted({*_LOOPBACK, *private}))


def _is_private(text: str) -> bool:
    address = ip_address(text)
    return address.is_private and not address.is_link_local


def machine_timezone(tz: str = "", etc: Path = Path("/etc")) -> str:
    """Return the time zone of this machine, such as "Europe/Paris"; "" where it is unknown.

    tz: the variable TZ, which takes precedence over the files (tzset(3)).
    """
    for found in (
        tz.removeprefix(":"),
        _first_line(etc / "timezone"),
        _linked_zone(etc / "localtime"),
    ):
        if is_timezone(found) and not found.startswith("/"):
            return found
    return ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""


def _linked_zone(path: Path) -> str:
    """Return the zone that a link to a zone file names: the path below `zoneinfo/`; "" for none."""
    try:
        return str(path.readlink()).partition("zoneinfo/")[2]
    except OSError:
        return ""


def system_resolvers(
    own: Collection[str], port: int, path: Path = RESOLV_CONF
) -> tuple[UpstreamAddress, ...]:
    """Return the resolvers of this machine (resolv.conf(5)), without copdns itself.

    own, port: where copdns listens; a query to itself would loop.
    """
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ()
    found = dict.fromkeys(_nameservers(text.splitlines()))
    return tuple(each for each in found if not is_copdns(each, own, port))


def is_copdns(upstream: UpstreamAddress, own: Collection[str], port: int) -> bool:
    """Tell whether an upstream is copdns itself, so that a query would loop.

    own, port: where copdns listens.
    """
    plain = upstream.transport is Transport.UDP  # copdns itself answers nothing encrypted
    return plain and upstream.port == port and _is_own(upstream.host, own)


def _is_own(host: str, own: Collection[str]) -> bool:
    """Tell whether copdns listens on an address; on all of loopback if it listens everywhere."""
    everywhere = any(ip_address(each).is_unspecified for each in own)
    return host in own or (everywhere and ip_address(host).is_loopback)


def _nameservers(lines: Iterable[str]) -> Iterable[UpstreamAddress]:
    for line in lines:
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                yield upstream_address(words[1])
            except ValueError:
                continue  # another program's file: skip what cannot be read


def in_container() -> bool:
    """Tell whether this is a container of Docker or Podman, perhaps with a network of its own."""
    return any(each.exists() for each in _CONTAINERS)


def resolv_conf_stamp(path: Path = RESOLV_CONF) -> object:
    """Return a value that changes when the file with the resolvers does; None without a file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size


def clock_is_synchronised() -> bool:
    """Tell whether systemd-timesyncd has set the clock since this machine started.

    Other time services leave no such file; the system call that would tell is not among those that
    the unit allows.
    """
    return _SYNCHRONISED.exists()


ADDRESS_MISSING = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


def listen_addresses(chosen: Sequence[str]) -> tuple[str, ...]:
    """Return the addresses to listen on; "auto" stands for those this machine has now."""
    found: dict[str, None] = {}
    for each in chosen:
        found |= dict.fromkeys(machine.private_addresses() if each == AUTO else (each,))
    return tuple(found)
