"""Tell the service manager how we are: sd_notify(3), a datagram of `NAME=value` lines.

Where nobody listens (a shell, a container, another init) every call does nothing.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """Whoever started us and wants to hear.

    address: of a datagram socket, as socket.sendto takes it; "" is nobody.
    watchdog: seconds after which we are taken for hung and restarted; None: never.
    """

    address: str = ""
    watchdog: float | None = None

    def ready(self, status: str = "") -> bool:
        """Every listener answers, or again does after a reload."""
        return self._tell("READY=1", f"STATUS={_line(status)}")

    def reloading(self) -> bool:
        """A reload begins; `ready` ends it.  The manager wants the moment in microseconds."""
        return self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> bool:
        return self._tell("STOPPING=1")

    def status(self, text: str) -> bool:
        """Set the line that `systemctl status` shows."""
        return self._tell(f"STATUS={_line(text)}")

    def alive(self) -> bool:
        """Feed the watchdog; due well before every `watchdog` seconds: half of it is usual."""
        return self._tell("WATCHDOG=1")

    def _tell(self, *lines: str) -> bool:
        """Send without waiting, and return whether it went out.

        A manager that is gone or does not read must not keep us from answering queries.
        """
        if not self.address:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self.address)
            except OSError:
                return False
        return True


async def feed_watchdog(manager: ServiceManager) -> None:
    """Show again and again that the loop does not hang, where somebody looks."""
    if manager.watchdog is None:
        return
    while True:
        manager.alive()
        await asyncio.sleep(manager.watchdog / 3)


def service_manager(environment: Mapping[str, str] = os.environ) -> ServiceManager:
    """Read NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID (sd_watchdog_enabled(3)).

    "@name" stands for a socket in the abstract namespace.  Sockets of other families, which
    only managers of virtual machines use, count as nobody.
    """
    address = environment.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return ServiceManager()
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    return ServiceManager(address, _watchdog(environment))


def _watchdog(environment: Mapping[str, str]) -> float | None:
    """Return the watchdog's seconds when it is meant for this process."""
    text = environment.get("WATCHDOG_USEC", "")
    if not text.isdecimal() or int(text) == 0:
        return None
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 1_000_000


def _line(text: str) -> str:
    """A line break would begin another message."""
    return " ".join(text.split())
