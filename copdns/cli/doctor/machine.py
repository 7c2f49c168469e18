"""`copdns doctor`: this machine's ports, clock, databases and disk."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import copdns
from copdns.app.upstream_probe import query_resolver
from copdns.cli.doctor.finding import Finding, FindingStatus, fail, ok, warn
from copdns.cli.doctor.many_households import ManyHouseholds
from copdns.cli.home import Home
from copdns.cli.output import count_text, local_text
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.records import AAAA, A
from copdns.dns.tls import pin_of
from copdns.model.addresses import USUAL_PATH, Transport, UpstreamAddress
from copdns.model.errors import (
    REFUSED,
    CopdnsError,
    DamagedHouseholdError,
    UpstreamError,
    WireError,
)
from copdns.model.verdict import Reason
from copdns.network.machine import ADDRESS_MISSING, listen_addresses
from copdns.settings.config import AUTO
from copdns.store.household_db import condition
from copdns.store.log_db import querylog
from copdns.store.read_only_access import find_damage

OWN_NAME = "copdns.home.arpa"
PATIENCE = 2.0  # seconds
LOADING = 20.0  # seconds for a page, the first of which has all of them loaded
HTTP = 80  # where a browser looks for an address without a port
MIB = 1 << 20
LITTLE, SCARCE = 50 * MIB, 500 * MIB
SLACK = 300  # seconds that a clock may be set back without a finding


# --- ports ----------------------------------------------------------------------------------------


def check_ports(home: Home) -> Iterator[Finding]:
    """Check that copdns answers on each address and port, or could open it."""
    dns, web, encrypted = home.settings.dns, home.settings.web, home.settings.encrypted
    if AUTO in dns.listen:
        yield ok("ports", f"auto means {', '.join(listen_addresses((AUTO,)))}")
    for address in listen_addresses(dns.listen):
        yield _check_port(address, dns.port, "dns", _is_copdns, udp=True)
        for way in (_OVER_TLS, _OVER_HTTPS, _OVER_QUIC):
            port = getattr(encrypted, way.setting)
            if port and encrypted.public and way is not _OVER_QUIC:
                yield _check_public(address, dns.port, port, way)
            elif port:  # of QUIC nothing is asked, with a token or without
                yield _check_encrypted(address, dns.port, port, way)
    addresses = listen_addresses(web.listen)
    for address in addresses:
        yield _check_port(address, web.port, "web", _is_healthy)
        if web.tls_port:
            yield _check_https(address, web.port, web.tls_port)
    at_home = [each for each in addresses if not ip_address(each).is_loopback]
    if web.port != HTTP and at_home:
        yield _warn_of_page_port(at_home[0], web.port)


def _check_https(address: str, port: int, tls_port: int) -> Finding:
    """Check that the dashboard answers by HTTPS where the child's page answers by HTTP."""
    found = _check_port(address, tls_port, "web", _is_healthy_over_https, "tls_port")
    if (
        found.status is FindingStatus.OK
        and found.what.endswith(_FREE)
        and _is_healthy(address, port)
    ):
        return fail(
            "ports",
            f"{address} port {tls_port} (web): copdns runs, but without HTTPS, so guardians cannot "
            "log in from other devices",
            "see why in its log (journalctl -u copdns) or at /readyz",
        )
    return found


def _check_encrypted(address: str, port: int, own_port: int, way: _Way) -> Finding:
    """Check that encrypted DNS answers where plain DNS does."""
    is_udp = way is _OVER_QUIC
    found = _check_port(address, own_port, "encrypted", way.is_ours, way.setting, udp=is_udp)
    if (
        found.status is FindingStatus.OK
        and found.what.endswith(_FREE)
        and _is_copdns(address, port)
    ):
        return fail(
            "ports",
            f"{address} port {own_port} (encrypted): copdns runs, but without {way.name}",
            "see why in its log (journalctl -u copdns) or at /readyz; if the setting is new, "
            "restart copdns",
        )
    return found


def _check_public(address: str, port: int, own_port: int, way: _Way) -> Finding:
    """Check that whoever shows no token gets nothing, where all the world may ask."""
    where = f"{address} port {own_port} (encrypted)"
    if way.is_ours(address, own_port):
        todo = "restart copdns, since encrypted.public is new"
        return fail("ports", f"{where}: answers without a token, too", todo)
    if _has_tls(address, own_port):
        return ok("ports", f"{where}: answers only devices with a token, at home too")
    return _check_encrypted(address, port, own_port, way)


def _has_tls(address: str, port: int) -> bool:
    try:
        with (
            socket.create_connection((address, port), PATIENCE) as sock,
            _no_checks().wrap_socket(sock, server_hostname=OWN_NAME),
        ):
            return True
    except OSError:
        return False


def _warn_of_page_port(address: str, port: int) -> Finding:
    in_use = _bind_error(address, HTTP, udp=False) == errno.EADDRINUSE
    why = ", which another program uses" if in_use else ""
    return warn(
        "ports",
        f"the child's page is on port {port}, not {HTTP}{why}: http://copdns.home.arpa/ does not "
        "open, and blocked sites cannot show the page that explains why",
        f"set web.port to {HTTP}" + (" once that program is gone (ss -lnp)" if in_use else ""),
    )


_FREE = "free; copdns is not running here"


def _check_port(
    address: str,
    port: int,
    section: str,
    is_ours: Callable[[str, int], bool],
    setting: str = "port",
    *,
    udp: bool = False,
) -> Finding:
    where = f"{address} port {port} ({section})"
    error = _bind_error(address, port, udp=udp)
    if error is None:
        return ok("ports", f"{where}: {_FREE}")
    # Only an address in use here is queried: nothing may leave this machine.
    if error in (errno.EADDRINUSE, errno.EACCES) and is_ours(address, port):
        return ok("ports", f"{where}: copdns answers")
    if error == errno.EADDRINUSE:
        todo = f"stop the other program (ss -lnp), or choose another {section}.{setting}"
        return fail("ports", f"{where}: used by another program, or copdns does not answer", todo)
    if error == errno.EACCES:
        over = f"set {section}.{setting} above 1023"
        todo = f"run copdns as a service or as root, or {over}"
        return warn("ports", f"{where}: this user may not open it", todo)
    listen = "web" if section == "web" else "dns"
    todo = f"set an address of this machine in {listen}.listen"
    if error in ADDRESS_MISSING and listen == "dns":
        return warn(
            "ports", f"{where}: not an address of this machine now; copdns waits for it", todo
        )
    return fail("ports", f"{where}: {os.strerror(error)}", todo)


def _bind_error(address: str, port: int, *, udp: bool) -> int | None:
    """Return the errno with which binding to an address fails; None: it works."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_STREAM, *((socket.SOCK_DGRAM,) if udp else ())):
        try:
            with socket.socket(family, kind) as sock:
                if (
                    kind is socket.SOCK_STREAM
                ):  # as servers do: a port that was just closed can be bound
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind((address, port))
        except OSError as error:
            return error.errno
    return None


def _is_copdns(address: str, port: int) -> bool:
    """Tell whether a copdns listens, by UDP and TCP: it answers its own name with this address, or
    refuses in its own words a question from an address that is nobody's, as at a provider."""
    server = UpstreamAddress(address, port)
    return all(_knows_itself(server, tcp=tcp) for tcp in (False, True))


def _is_encrypted_copdns(address: str, port: int, transport: Transport) -> bool:
    """As in clear text, whatever the certificate: nothing secret is sent."""
    try:
        with (
            socket.create_connection((address, port), PATIENCE) as sock,
            _no_checks().wrap_socket(sock, server_hostname=OWN_NAME) as encrypted,
        ):
            key = pin_of(encrypted.getpeercert(binary_form=True) or b"")
    except OSError:
        return False
    path = USUAL_PATH if transport is Transport.HTTPS else ""
    return _knows_itself(UpstreamAddress(address, port, transport, OWN_NAME, path, key))


def _is_copdns_over_tls(address: str, port: int) -> bool:
    return _is_encrypted_copdns(address, port, Transport.TLS)


def _is_copdns_over_https(address: str, port: int) -> bool:
    return _is_encrypted_copdns(address, port, Transport.HTTPS)


def _is_quic_server(address: str, port: int) -> bool:
    """Tell whether one answers that speaks QUIC: it names its versions to who has another.

    No library is needed for that (RFC 8999 section 6, RFC 9000 section 6.1).
    """
    own, other = secrets.token_bytes(8), secrets.token_bytes(8)
    first = b"\xc0\x1a\x1a\x1a\x1a\x08" + other + b"\x08" + own
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect((address, port))
            sock.send(first.ljust(1200, b"\0"))
            reply = sock.recv(1200)
    except OSError:
        return False
    return reply[1:5] == bytes(4) and reply[6:14] == own


class _Way(NamedTuple):
    """A way to ask encrypted.  setting: of its port.  is_ours: asks at an address and port."""

    name: str
    setting: str
    is_ours: Callable[[str, int], bool]


_OVER_TLS = _Way("DNS over TLS", "tls_port", _is_copdns_over_tls)
_OVER_HTTPS = _Way("DNS over HTTPS", "https_port", _is_copdns_over_https)
_OVER_QUIC = _Way("DNS over QUIC", "quic_port", _is_quic_server)


def _knows_itself(server: UpstreamAddress, *, tcp: bool = False) -> bool:
    packed = ip_address(server.host).packed
    try:
        reply = query_resolver(server, OWN_NAME, A if len(packed) == 4 else AAAA, tcp=tcp)
        response = read_response(reply)
        return packed in response.facts.addresses or _is_own_refusal(response)
    except (UpstreamError, WireError):
        return False


def _is_own_refusal(response: UpstreamResponse) -> bool:
    """Tell whether a copdns refused a stranger: others that refuse use other words."""
    words = Reason.NOT_A_CLIENT.value.encode()
    return response.rcode == REFUSED and response.ede_text.startswith(words)


def _is_healthy(address: str, port: int) -> bool:
    return _says_ok(HTTPConnection(address, port, timeout=LOADING))


def _is_healthy_over_https(address: str, port: int) -> bool:
    """As over HTTP, without verification: the certificate is ours, and nothing secret is sent."""
    return _says_ok(HTTPSConnection(address, port, timeout=LOADING, context=_no_checks()))


def _no_checks() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _says_ok(connection: HTTPConnection) -> bool:
    try:
        connection.request("GET", "/healthz")
        reply = connection.getresponse()
        return reply.status == 200 and reply.read(16) == b"ok\n"
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


# --- clock ----------------------------------------------------------------------------------------


def check_clock(home: Home) -> Iterator[Finding]:
    """Check that the clock is later than the last change and the installation."""
    zone = home.household.timezone
    last = max((each.at for each in home.changes(1)), default=0)
    installed = Path(copdns.__file__).stat().st_mtime
    now = int(time.time())  # not home.now, which a wrong clock may change
    now_text = local_text(now, zone)
    for at, what in ((last, "the last change of the household"), (installed, "the installation")):
        if now < at - SLACK:
            yield fail(
                "clock",
                f"the clock says {now_text} ({zone}), before {what} at {local_text(at, zone)}",
                "set the clock (timedatectl set-ntp true): bedtimes, grants and the log need it",
            )
            return
    if home.clock.is_wrong:
        yield fail(
            "clock",
            f"the clock says {now_text} ({zone}), before a time that copdns has already seen. It "
            f"is treated as wrong, and failures.clock applies: {home.household.failures.clock}",
            "set the clock (timedatectl set-ntp true), or wait: after a day copdns trusts it",
        )
        return
    yield ok("clock", f"{now_text} ({zone})")


# --- databases and disk ---------------------------------------------------------------------------


def check_databases(home: Home) -> Iterator[Finding]:
    """Check both databases, their folder and their disk."""
    yield _check_provider(home) if home.is_providers else _check_household(home.folder)
    yield _check_database(home.folder / querylog.FILE)
    broken = sorted(each.name for each in home.folder.glob(f"{querylog.FILE}.broken-*"))
    if broken:
        todo = "check the disk; copdns deletes these files after some days"
        yield warn("databases", f"a damaged log was moved aside: {', '.join(broken)}", todo)
    yield _check_disk(home.folder)


def _check_provider(home: Home) -> Finding:
    """Check that households can be read from the provider's PostgreSQL."""
    try:
        if isinstance(home, ManyHouseholds):
            return ok(
                "databases", f"PostgreSQL has {count_text(home.count_households(), 'household')}"
            )
        found = home.load_household()
    except CopdnsError as error:
        return fail("databases", str(error), "see docs/providers.md")
    provider = home.settings.provider
    if found is None and provider.household and provider.kept:  # no start makes one there
        what = f"PostgreSQL has no household {provider.household}"
        return fail("databases", what, "correct provider.household, or leave it empty")
    if found is None:
        return ok("databases", "PostgreSQL has no household yet; the first start creates it")
    return ok("databases", f"PostgreSQL has the household {found.id}, revision {found.revision}")


def _check_household(folder: Path) -> Finding:
    """Check that `household.db` is what was saved last."""
    path = folder / condition.FILE
    try:
        damage = condition.find_household_damage(folder)
    except DamagedHouseholdError as error:
        todo = "stop copdns and restore a backup, or move the file away to start over"
        what = f"{path} is damaged and has no copy, so everyone has the guest rules: {error.why}"
        return fail("databases", what, todo)
    if damage:
        todo = "check the disk, then run copdns household repair"
        return fail("databases", f"{path} is damaged; its copy is used instead: {damage}", todo)
    return _check_database(path)


def _check_database(path: Path) -> Finding:
    if not path.exists():
        return ok("databases", f"{path} does not exist yet; the first start creates it")
    errors = find_damage(path)
    if errors:
        todo = (
            "stop copdns, move the file away, and restore a backup or import an exported household"
        )
        return fail("databases", f"{path} is damaged: {'; '.join(errors)}", todo)
    if _is_read_only(path.parent):
        return fail("databases", f"{path} is intact, but its disk is mounted read-only", _MOUNT)
    if not all(os.access(each, os.W_OK) for each in (path, path.parent)):
        return fail("databases", f"this user cannot write to {path}", _chown(path))
    if path.stat().st_uid != path.parent.stat().st_uid:
        what = f"{path} and its folder belong to different users, so writing may fail"
        return warn("databases", what, _chown(path))
    return ok("databases", f"{path} is intact and writable ({path.stat().st_size >> 10} KiB)")


_MOUNT = (
    "mount it for writing; if it became read-only without you, check it. Until then copdns keeps "
    "answering from what it can read, but saves neither changes nor the log"
)


def _chown(path: Path) -> str:
    return f"give it to the folder's owner: chown --reference={path.parent} {path}*"


def _is_read_only(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _check_disk(folder: Path) -> Finding:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if _is_read_only(there):
        return fail("disk", f"the disk of {folder} is mounted read-only", _MOUNT)
    free = shutil.disk_usage(there).free
    what = f"{free // MIB} MiB free on the disk of {folder}"
    if free < LITTLE:
        return fail(
            "disk", what, "free some space: without it, changes and the log cannot be saved"
        )
    if free < SCARCE:
        return warn("disk", what, "free some space before it is full")
    return ok("disk", what)
