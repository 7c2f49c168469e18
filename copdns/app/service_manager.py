"""Report our state to the service manager: sd_notify(3), a datagram of `NAME=value` lines.

Without one (in a shell, a container, another init) every call does nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """The service manager that started us; its methods tell whether the message was sent.

    address: of a datagram socket, as socket.sendto takes it; "" for none.
    watchdog: seconds without `notify_alive` after which we are restarted; None for never.
    """

    address: str = ""
    watchdog: float | None = None

    def notify_ready(self, status: str = "") -> bool:
        """Report that every listener answers, after the start or a reload."""
        return self._send("READY=1", f"STATUS={_one_line(status)}")

    def notify_reloading(self) -> bool:
        """Report that a reload begins; `notify_ready` ends it."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def notify_stopping(self) -> bool:
        """Report that copdns ends, which may take some seconds."""
        return self._send("STOPPING=1")

    def notify_alive(self) -> bool:
        """Feed the watchdog; to be called well within `watchdog` seconds."""
        return self._send("WATCHDOG=1")

    def hold(self, sock: socket.socket, name: str) -> bool:
        """Have a socket held over a restart, under a name without colons (FDSTORE).

        FDPOLL=0: an error of one datagram must not end that.
        """
        return self._send("FDSTORE=1", f"FDNAME={name}", "FDPOLL=0", passes=(sock.fileno(),))

    def release(self, name: str) -> bool:
        """Have what is held under a name closed."""
        return self._send("FDSTOREREMOVE=1", f"FDNAME={name}")

    def _send(self, *lines: str, passes: Sequence[int] = ()) -> bool:
        """Send without waiting, and tell whether it was sent.  passes: file descriptors.

        A manager that is gone or does not read must not keep us from answering queries.
        """
        if not self.address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                rights = array("i", passes)
                given = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if passes else []
                # Not socket.send_fds, which knows no address.
                sock.sendmsg(["\n".join(lines).encode()], given, socket.MSG_DONTWAIT, self.address)
            except OSError:
                return False
        return True


async def feed_watchdog(manager: ServiceManager) -> None:
    """Feed the watchdog from the event loop for ever, if there is one."""
    if manager.watchdog is None:
        return
    while True:
        manager.notify_alive()
        await asyncio.sleep(manager.watchdog / 3)


def find_service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager:
    """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)).

    "@name" is a socket in the abstract namespace.  Sockets of other families, which only managers
    of virtual machines use, are ignored.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return ServiceManager()
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    return ServiceManager(address, _read_watchdog(environment))


def _read_watchdog(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's seconds; None where there is none for this process."""
    text = environment.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or int(text) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 1_000_000


def _one_line(text: str) -> str:
    """Return a text in one line: a line break would begin another variable."""
    return " ".join(text.split())
