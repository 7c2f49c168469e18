"""The sockets of DNS that the service manager holds over a restart (sd_listen_fds(3)).

What comes to them while no copdns runs waits in the kernel, and the next one answers it.  The
manager passes some that its socket unit opened, and those that the last copdns gave it to hold.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address

import structlog

from copdns.server.udp import bind_socket, set_options

log = structlog.get_logger("copdns")

_OURS = "dns-"  # begins the names of those that we gave the manager
_FIRST = 3  # file descriptor of those that it passes

Key = tuple[str, int, socket.SocketKind]
Hold = Callable[[socket.socket, str], object]
Release = Callable[[str], object]


def _do_nothing(*_: object) -> None:
    pass


class HeldSockets:
    """Opens sockets, from those that were passed to us where they are among them.

    hold: gives the manager a socket under a name; release: lets it close that.
    """

    def __init__(
        self,
        passed: Iterable[tuple[str, socket.socket]] = (),
        hold: Hold = _do_nothing,
        release: Release = _do_nothing,
    ) -> None:
        """passed: sockets, and under which names."""
        self._passed: dict[Key, tuple[str, socket.socket]] = {}
        for name, sock in passed:
            host, port = sock.getsockname()[:2]
            self._passed[_plain(host), port, sock.type] = name, sock
        self._hold = hold
        self._release = release

    def open(self, address: str, port: int, kind: socket.SocketKind) -> socket.socket:
        """Return a socket of an address, which is held from now on; raise ListenError."""
        found = self._passed.pop((_plain(address), port, kind), None)
        if found is not None:
            _, sock = found
            set_options(sock)
            return sock
        sock = bind_socket(address, port, kind)
        self._hold(sock, _name(address, port, kind))
        return sock

    def release(self, address: str, port: int) -> None:
        """Have the manager close both sockets of an address that is no longer listened on."""
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            self._release(_name(address, port, kind))

    def drop_unused(self) -> None:
        """Close what was passed and not opened: of settings or addresses from before.

        The manager keeps what its unit opened, and nobody answers there, which is logged.
        """
        for key, (name, sock) in list(self._passed.items()):
            if name.startswith(_OURS):
                del self._passed[key]
                sock.close()
                self._release(name)
            else:
                log.warning("nobody answers at a socket of the unit", address=key[0], port=key[1])


def passed_sockets(
    environment: Mapping[str, str], pid: int
) -> tuple[tuple[str, socket.socket], ...]:
    """Return the sockets that the service manager passed to this process, and their names.

    Those of other families than IP are left alone.
    """
    number = environment.get("LISTEN_FDS", "")
    if environment.get("LISTEN_PID") != str(pid) or not number.isdecimal():
        return ()
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    found = []
    for index in range(int(number)):
        try:
            sock = socket.socket(fileno=_FIRST + index)
        except OSError:  # no socket
            continue
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            sock.detach()
            continue
        sock.set_inheritable(False)
        sock.setblocking(False)
        found.append((names[index] if index < len(names) else "", sock))
    return tuple(found)


def _plain(address: str) -> str:
    return str(ip_address(address))


def _name(address: str, port: int, kind: socket.SocketKind) -> str:
    """Return a name for the manager, in which there may be no colon."""
    transport = "udp" if kind is socket.SOCK_DGRAM else "tcp"
    return f"{_OURS}{transport}-{port}-{_plain(address).replace(':', '.')}"
