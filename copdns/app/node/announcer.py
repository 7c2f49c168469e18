"""Look each second whether this node's dnsdist answers, and say which addresses to announce.

Lines are commands as ExaBGP takes them from a program that it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import closing
from ipaddress import ip_address
from typing import Final

import structlog

from copdns.app.node.programs import until_stopped
from copdns.app.node.role import require_role
from copdns.model.errors import ConfigError, StoreAwayError, StoreError
from copdns.model.names import to_wire
from copdns.provider.plane.announcements import (
    ALIVE_NAME,
    FALLS,
    AddressWatch,
    after_look,
    covered_families,
    family_of,
)
from copdns.provider.rollout.rollouts import FleetNode
from copdns.settings.config import Settings
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.rollout_rows import RolloutStore

PATIENCE: Final = 1.0  # seconds for an answer
LOOK_EVERY: Final = 1.0
READ_EVERY: Final = 10.0  # seconds between two looks at the other nodes

log = structlog.get_logger("copdns.node")


class Announcer:
    """say: takes a line.  now: seconds since 1970.  Raises ConfigError where settings miss."""

    def __init__(
        self, settings: Settings, now: Callable[[], float], say: Callable[[str], None]
    ) -> None:
        node = settings.node
        if not (node.name and node.listen):
            raise ConfigError("node.name and node.listen say which node this is, and where it is")
        listens = (*node.listen, *node.tls_listen, *node.https_listen)
        addresses = dict.fromkeys(_host_of(each) for each in listens)
        if any(ip_address(each).is_unspecified for each in addresses):
            raise ConfigError("node.listen: to announce addresses, name each, not all of the node")
        self._watch = AddressWatch(tuple(addresses))
        self._settings = settings
        self._now = now
        self._say = say
        self._pool: PostgresPool | None = None
        self._one_by_one = asyncio.Lock()
        self._nodes: tuple[FleetNode, ...] = ()
        self._known_at = 0

    async def run(self) -> None:
        """Look until cancelled; what was announced is left to whoever reads the lines.

        Raises StoreError where the role of the database is not that of a node.
        """
        checking = asyncio.create_task(asyncio.to_thread(self._check_role))
        reading = asyncio.create_task(self._read_forever())
        try:
            while True:
                await self.look()
                if checking.done():
                    checking.result()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            for each in (checking, reading):
                each.cancel()
            await asyncio.gather(checking, reading, return_exceptions=True)
            if self._pool is not None:
                await asyncio.to_thread(self._pool.close)

    async def look(self) -> None:
        """Ask dnsdist once, and say what changed by that."""
        answers = await asyncio.to_thread(self._is_answering)
        before, covered = self._watch, frozenset[int]()
        if not answers and before.failures + 1 >= FALLS:
            await self._tell(is_failing=True)
            name, now = self._settings.node.name, int(self._now())
            covered = covered_families(self._nodes, name, self._known_at, now)
        elif answers and before.is_failing:
            await self._tell(is_failing=False)
        self._watch = after = after_look(before, covered, answers=answers)
        for each in sorted(before.announced - after.announced):
            self._say(f"withdraw route {_route(each)} next-hop self")
            log.error("dnsdist does not answer; an address is withdrawn", address=each)
        for each in sorted(after.announced - before.announced):
            self._say(f"announce route {_route(each)} next-hop self")
            log.info("an address is announced", address=each)
        if after.is_failing and not before.is_failing and after.announced:
            log.error("dnsdist does not answer; no other node is known to, so addresses stay")

    def _is_answering(self) -> bool:
        """Tell whether dnsdist answers the name that its tables have; any answer is one."""
        host, _, port = self._settings.node.listen[0].rpartition(":")
        host = host.strip("[]")
        is_v6 = ":" in host
        question = struct.pack(">6H", secrets.randbits(16), 0x0100, 1, 0, 0, 0)
        question += to_wire(ALIVE_NAME) + struct.pack(">2H", 1, 1)
        with socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            try:
                # dnsdist answers subscribers, and this machine by its loopback address.
                sock.bind(("::1" if is_v6 else "127.0.0.1", 0))
                sock.connect((host, int(port)))
                sock.send(question)
                return sock.recv(512)[:2] == question[:2]
            except OSError:
                return False

    async def _read_forever(self) -> None:
        while True:
            await self._tell(is_failing=self._watch.is_failing)
            await asyncio.sleep(READ_EVERY)

    async def _tell(self, *, is_failing: bool) -> None:
        """Store whether this node fails, and read how others are; while PostgreSQL is away, what
        was read last stays."""
        async with self._one_by_one:
            try:
                self._nodes = await asyncio.to_thread(self._tell_store, is_failing)
            except StoreError as error:
                log.warning("other nodes are as they were read last", error=str(error))
            else:
                self._known_at = int(self._now())

    def _check_role(self) -> None:
        """Raise StoreError for a role that is not a node's.

        While PostgreSQL is away nobody can tell, and addresses are announced: whoever ends later
        withdraws them.
        """
        with (
            contextlib.suppress(StoreAwayError),
            closing(PostgresPool(self._settings.provider.database, most=1)) as pool,
        ):
            require_role(pool, RoleDuty.NODES)

    def _tell_store(self, is_failing: bool) -> tuple[FleetNode, ...]:
        if self._pool is None:
            self._pool = PostgresPool(self._settings.provider.database, most=1)
        return RolloutStore(self._pool).note_failing(self._settings.node.name, is_failing)


async def announce_addresses(settings: Settings, now: Callable[[], float]) -> None:
    """Print which addresses to announce until SIGTERM or SIGINT; raise CopdnsError."""
    await until_stopped(Announcer(settings, now, _print).run())


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _host_of(endpoint: str) -> str:
    return endpoint.rpartition(":")[0].strip("[]")


def _route(address: str) -> str:
    return f"{address}/{32 if family_of(address) == 4 else 128}"
