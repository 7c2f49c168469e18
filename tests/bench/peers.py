"""The other servers: Debian's unbound, dnsmasq and dnsdist, and a bare echo as the limit.

Each gets the same names in the form that its manual recommends for blocking, a cache, the stub
upstream, and one thread; all else stays as it comes, but for validation of DNSSEC, which is off
everywhere since copdns leaves it to its upstream.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"  # where servers are, which not everyone has on PATH
BLOCKS, TCP = "blocks", "tcp"  # what a server may offer, and a workload may need


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server stands.

    folder: its own.  port: of DNS; control: of anything else it has.  upstream: the stub's port.
    encrypted: the same stub by DNS over TLS, as an upstream is written in settings; "": not there.
    """

    folder: Path
    port: int
    control: int
    upstream: int
    encrypted: str = ""


class Server(Protocol):
    """What the bench needs to know of a server.

    offers: of `BLOCKS`, `TCP`; what one that does not block answers is not judged.
    main_only: its main thread alone answers, and alone may become urgent.
    """

    @property
    def name(self) -> str: ...
    @property
    def offers(self) -> frozenset[str]: ...
    @property
    def main_only(self) -> bool: ...

    def missing(self) -> str:
        """Say why it cannot run here, "" when it can."""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        """Write the list of what it blocks, or replace it."""

    def write_settings(self, place: Place) -> None: ...

    def command(self, place: Place) -> Sequence[str | Path]:
        """Return what starts it, in the foreground, in its folder."""

    def reload(self, place: Place, process: int) -> None:
        """Let it take over a changed list, as its manual says."""


def replace(path: Path, lines: Iterable[str]) -> None:
    """Write a file beside the old one and swap them, so that nobody reads half of it."""
    new = path.with_suffix(".new")
    with new.open("w") as file:
        file.writelines(lines)
    new.replace(path)


def program(name: str) -> str:
    """Return a program's path, "" when it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM}") or ""


def _hang_up(place: Place, process: int) -> None:
    os.kill(process, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that somebody else wrote.  package: Debian's.  line: of one name in its list."""

    name: str
    package: str
    line: str
    list_file: str
    settings_file: str
    settings: Callable[[Place], str]
    arguments: Sequence[str]
    version_option: str
    how_to_reload: Callable[[Place, int], None] = _hang_up
    offers: frozenset[str] = frozenset({BLOCKS, TCP})
    main_only: bool = False

    def missing(self) -> str:
        return "" if program(self.name) else f"not installed (Debian: apt install {self.package})"

    def version(self) -> str:
        """Return its version, "" when it is not here or does not say."""
        if self.missing():
            return ""
        asked = [program(self.name), self.version_option]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        found = re.search(r"\d+(?:\.\d+)+", done.stdout)
        return found[0] if found else ""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        replace(place.folder / self.list_file, (self.line.format(name) for name in names))

    def write_settings(self, place: Place) -> None:
        (place.folder / self.settings_file).write_text(self.settings(place))

    def command(self, place: Place) -> Sequence[str | Path]:
        return [program(self.name), *self.arguments]

    def reload(self, place: Place, process: int) -> None:
        self.how_to_reload(place, process)


def _unbound(place: Place) -> str:
    return f"""
server:
    interface: 127.0.0.1@{place.port}
    interface: ::1@{place.port}
    access-control: 127.0.0.0/8 allow
    access-control: ::1 allow
    incoming-num-tcp: 64
    do-daemonize: no
    use-syslog: no
    username: ""
    chroot: ""
    pidfile: ""
    directory: "{place.folder}"
    num-threads: 1
    do-not-query-localhost: no
    module-config: "iterator"
    msg-cache-size: 64m
    rrset-cache-size: 128m
    outgoing-range: 4096
    num-queries-per-thread: 2048
    include: "{place.folder}/zones.conf"
forward-zone:
    name: "."
    forward-addr: 127.0.0.1@{place.upstream}
remote-control:
    control-enable: no
"""


def _dnsmasq(place: Place) -> str:
    return f"""
port={place.port}
listen-address=127.0.0.1,::1
bind-interfaces
no-resolv
no-hosts
user={pwd.getpwuid(os.getuid()).pw_name}
pid-file={place.folder}/dnsmasq.pid
server=127.0.0.1#{place.upstream}
cache-size=10000
dns-forward-max=4096
servers-file={place.folder}/servers.conf
"""


_KEY = "setKey('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=')"  # of a console on loopback


def _dnsdist(place: Place) -> str:
    """The list is read by a function, which its console calls again for a changed list.

    The new rule is there before the old one goes, so that nothing slips through between them.
    """
    (place.folder / "console.conf").write_text(
        f"controlSocket('127.0.0.1:{place.control}')\n{_KEY}\n"
    )
    return f"""
controlSocket('127.0.0.1:{place.control}')
{_KEY}
setSecurityPollSuffix('')
setMaxTCPClientThreads(1)
setACL({{'127.0.0.0/8', '::1/128'}})
setLocal('127.0.0.1:{place.port}')
addLocal('[::1]:{place.port}')
newServer({{address='127.0.0.1:{place.upstream}', sockets=4}})
getPool(''):setCache(newPacketCache(100000))
function readList()
    local names = newSuffixMatchNode()
    for line in io.lines('{place.folder}/names.txt') do names:add(newDNSName(line)) end
    addAction(SuffixMatchNodeRule(names), RCodeAction(DNSRCode.NXDOMAIN))
end
readList()
"""


def _call_console(place: Place, process: int) -> None:
    """Ask for it and do not wait: the console answers only when the list is read."""
    console: list[str | Path] = [program("dnsdist"), "-C", place.folder / "console.conf"]
    with (place.folder / "console.txt").open("w") as said:
        asking = subprocess.Popen(
            [*console, "-e", "readList() rmRule(0) collectgarbage()"], stdout=said, stderr=said
        )
    threading.Thread(target=asking.wait).start()


UNBOUND = Peer(
    name="unbound",
    package="unbound",
    line='local-zone: "{}." always_nxdomain\n',
    list_file="zones.conf",
    settings_file="unbound.conf",
    settings=_unbound,
    arguments=["-d", "-c", "unbound.conf"],
    version_option="-V",
)
DNSMASQ = Peer(
    name="dnsmasq",
    package="dnsmasq-base",
    line="server=/{}/\n",
    list_file="servers.conf",
    settings_file="dnsmasq.conf",
    settings=_dnsmasq,
    arguments=["--keep-in-foreground", "-C", "dnsmasq.conf"],
    version_option="--version",
    offers=frozenset({BLOCKS}),  # over TCP it forks for each connection
)
DNSDIST = Peer(
    name="dnsdist",
    package="dnsdist",
    line="{}\n",
    list_file="names.txt",
    settings_file="dnsdist.conf",
    settings=_dnsdist,
    arguments=["-C", "dnsdist.conf", "--supervised", "--disable-syslog"],
    version_option="--version",
    how_to_reload=_call_console,
)
PEERS = {peer.name: peer for peer in (UNBOUND, DNSMASQ, DNSDIST)}


@dataclass(frozen=True, slots=True)
class Echo:
    """Sends back what it gets: the limit that the kernel sets."""

    path: Path
    name: str = "echo"
    offers: frozenset[str] = frozenset()
    main_only: bool = False  # a thread of its own answers over IPv6

    def missing(self) -> str:
        return ""

    def write_list(self, place: Place, names: Iterable[str]) -> None:
        """It has none."""

    def write_settings(self, place: Place) -> None:
        """It has none."""

    def command(self, place: Place) -> Sequence[str | Path]:
        return [self.path, str(place.port)]

    def reload(self, place: Place, process: int) -> None:
        """There is nothing to take over."""
