"""Take in what the network tells of lines, keep it in PostgreSQL, and answer when it is there.

Of several programs that run this, one writes; the others answer nothing, so that machines of the
network ask the next one.  After a start, lines have the addresses that they had.  Where nobody
wrote for longer than `DEAF`, what was told meanwhile may be lost, and each session counts again
when it is heard of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg
import structlog

from copdns.model.errors import StoreError
from copdns.provider.address_blocks import AddressBlock, read_block
from copdns.provider.bindings import Bindings, SessionEvent, SessionKey
from copdns.provider.radius_accounting import Restart
from copdns.store.postgres.connection import PostgresPool
from copdns.store.postgres.lines import (
    BindingRow,
    BindingStore,
    LineRow,
    SessionRow,
    lead_bindings,
)

DEAF: Final = 300.0  # seconds for which machines of the network repeat what is not answered
GATHER: Final = 0.02  # seconds in which what is told is put together to one transaction
FOLLOW_EVERY: Final = 5.0  # seconds: what is over is looked for, and that this program writes told
MOST_AT_ONCE: Final = 20_000  # events that wait; more are not taken in

Told = SessionEvent | Restart
log = structlog.get_logger("copdns.node")


@dataclass(frozen=True, slots=True)
class _Waiting:
    told: tuple[Told, ...]
    lines: tuple[LineRow, ...]
    done: asyncio.Future[None]


class BindingCollector:
    """The writer of lines and addresses.  now: seconds since 1970."""

    def __init__(self, pool: PostgresPool, kept_for: float, now: Callable[[], float]) -> None:
        self._pool = pool
        self._store = BindingStore(pool)
        self._kept_for = kept_for
        self._now = now
        self._bindings = Bindings(kept_for)
        self._leading: psycopg.Connection[Any] | None = None
        self._waiting: list[_Waiting] = []
        self._is_wanted = asyncio.Event()
        self._one_by_one = asyncio.Lock()  # of threads that use the bindings

    @property
    def is_leading(self) -> bool:
        """Whether this program is the one that writes."""
        return self._leading is not None

    async def take(self, told: Iterable[Told] = (), lines: Iterable[LineRow] = ()) -> None:
        """Take in events and whose lines are; return when that is in the database.

        Raises StoreError where it is not, also while another program writes.
        """
        told, lines = tuple(told), tuple(lines)
        if any("\0" in text for each in (*told, *lines) for text in each if isinstance(text, str)):
            raise StoreError("a name of a line, machine or session has a zero in it")
        if not self.is_leading:
            raise StoreError("another program of this provider writes addresses now")
        if len(self._waiting) >= MOST_AT_ONCE:
            raise StoreError("too much waits to be written")
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(told, lines, done))
        self._is_wanted.set()
        await done

    async def begin(self) -> None:
        """Become the one that writes, where no other program is; raise StoreError."""
        await asyncio.to_thread(self._follow)

    async def run(self) -> None:
        """Write what is told, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._write_forever())
            tasks.create_task(self._follow_forever())

    def close(self) -> None:
        """Let another program write."""
        if self._leading is not None:
            self._leading.close()
            self._leading = None

    async def _write_forever(self) -> None:
        while True:
            await self._is_wanted.wait()
            await asyncio.sleep(GATHER)
            self._is_wanted.clear()
            async with self._one_by_one:
                waiting, self._waiting = self._waiting, []
                await self._write(waiting)

    async def _write(self, waiting: Sequence[_Waiting]) -> None:
        try:
            if not self.is_leading:
                raise StoreError("PostgreSQL was away; this program does not write any more")
            await asyncio.to_thread(self._take_in, waiting)
        except StoreError as error:
            # What is in memory is ahead of the database now, so it is read from there again.
            log.error("addresses could not be stored", error=str(error))
            self.close()
            for each in waiting:
                if not each.done.done():
                    each.done.set_exception(error)
        else:
            for each in waiting:
                if not each.done.done():
                    each.done.set_result(None)

    def _take_in(self, waiting: Sequence[_Waiting]) -> None:
        now = self._now()
        changed: set[AddressBlock] = set()
        sessions: set[SessionKey] = set()
        for each in waiting:
            for told in each.told:
                if isinstance(told, Restart):
                    sessions |= self._bindings.sessions_of(told.machine)
                    changed |= self._bindings.restart(told.machine, told.at, now)
                else:
                    sessions |= {told.key, *self._bindings.session_of(told.line)}
                    changed |= self._bindings.take(told, now)
        self._put(changed, sessions, [line for each in waiting for line in each.lines])

    def _put(
        self,
        changed: Iterable[AddressBlock],
        sessions: Iterable[SessionKey] = (),
        lines: Iterable[LineRow] = (),
    ) -> None:
        now = self._now()
        found = {key: self._bindings.session(key) for key in sessions}
        self._store.put(
            bindings=[BindingRow(str(each), self._bindings.owner(each, now)) for each in changed],
            sessions=[
                SessionRow(*key, each.line, each.began, each.heard, tuple(map(str, each.blocks)))
                for key, each in found.items()
                if each is not None
            ],
            ended=[key for key, each in found.items() if each is None],
            lines=lines,
            at=now,
        )

    async def _follow_forever(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_EVERY)
            async with self._one_by_one:
                try:
                    await asyncio.to_thread(self._follow)
                except StoreError as error:
                    log.warning("addresses cannot be stored now", error=str(error))
                    self.close()

    def _follow(self) -> None:
        if self._leading is None:
            leading = lead_bindings(self._pool)
            if leading is None:
                return
            self._read_all()
            self._leading = leading
            log.info("this program writes addresses", known=len(self._bindings))
        now = self._now()
        over = self._bindings.over(now)
        self._put(self._bindings.expire(now), over)

    def _read_all(self) -> None:
        """Read what is stored, and write down what is otherwise by now."""
        now = self._now()
        self._bindings = Bindings(self._kept_for)
        is_deaf = now - self._store.written_at() > DEAF
        for each in self._store.sessions():
            blocks = tuple(map(read_block, each.blocks))
            key = each.machine, each.session
            self._bindings.restore(key, each.line, each.began, each.heard, blocks)
        if is_deaf:
            self._bindings.doubt_all(now)
        known = {read_block(block): line for block, line in self._store.bindings().items()}
        over = self._bindings.over(now)
        self._bindings.expire(now)
        changed = [each for each, line in known.items() if self._bindings.owner(each, now) != line]
        self._put({*changed, *(block for block, _ in self._bindings.lines(now))}, over)
