"""Start what runs on a node beside dnsdist, unbound and `copdns run`, until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog
from aiohttp import web

from copdns.app.node.api import bindings_api
from copdns.app.node.away_source import AwaySource
from copdns.app.node.collector import BindingCollector
from copdns.app.node.copies import NodeCopies
from copdns.app.node.figures import NodeReport
from copdns.app.node.journal import BindingJournal, JournalReader
from copdns.app.node.law import LawInForce
from copdns.app.node.lists import NodeLists
from copdns.app.node.lists_now import ListsNow
from copdns.app.node.queue_messages import QueueMessenger
from copdns.app.node.resolver import ResolverFiles
from copdns.app.node.role import require_role
from copdns.app.node.rollout_messages import RolloutMessenger
from copdns.app.node.rollouts import NodeRollouts
from copdns.app.node.source import StoreSource
from copdns.app.node.status import NodeStatus, StatusFile
from copdns.model.errors import ConfigError, ListenError, StoreAwayError, StoreError
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.files import PlaneFiles, hold_writer_lock
from copdns.provider.plane.rows import PlaneTable, Row
from copdns.provider.radius_accounting import Attribute
from copdns.provider.radius_listener import RadiusListener
from copdns.settings.config import Settings
from copdns.store.household_db.provider import make_tables
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.figure_rows import FigureRows
from copdns.store.provider_db.role_grants import RoleDuty
from copdns.store.provider_db.rollout_rows import RolloutStore

Now = Callable[[], float]
Result = TypeVar("Result")
CONNECTIONS = 2
READY = "the tables are up to date"
AWAY = "PostgreSQL cannot be reached; the tables stay, and time goes on"
TRY_EVERY = 1.0  # seconds
TELL_EVERY = 1.0  # seconds

log = structlog.get_logger("copdns.node")


def _open_pool(settings: Settings) -> PostgresPool:
    if not settings.provider.database:
        raise ConfigError("provider.database: a node needs the database of its households")
    pool = PostgresPool(settings.provider.database, most=CONNECTIONS)
    try:
        make_tables(pool)
        require_role(pool, RoleDuty.NODES)
    except BaseException:  # else its threads would go on
        pool.close()
        raise
    return pool


async def keep_tables(settings: Settings, now: Now) -> None:
    """Keep the tables of dnsdist up to date until SIGTERM or SIGINT; raise CopdnsError.

    Where PostgreSQL is away at the start, they stay as they are until it is there, but for what
    time and lists change.  now: seconds since 1970.
    """
    folder = Path(settings.node.folder)
    with hold_writer_lock(folder), closing(PlaneFiles(folder)) as files:
        pool = await asyncio.to_thread(_open_pool_or_none, settings)
        if pool is None:
            pool = await until_stopped(_wait_for_postgres(settings, files, now))
        if pool is not None:
            await _follow_postgres(pool, settings, files, now)


async def _follow_postgres(
    pool: PostgresPool, settings: Settings, files: PlaneFiles, now: Now
) -> None:
    copies = NodeCopies(Path(settings.node.folder))
    lists = await asyncio.to_thread(_lists_in_force, pool, settings, copies, now)
    apart = tuple(one for each in settings.node.other_networks for one in each.networks)
    journal = JournalReader(Path(settings.data))
    has_macs_told = bool(settings.node.mac_networks)
    source = StoreSource(
        *(pool, lists, copies, now, journal, apart),
        has_macs_told=has_macs_told,
        has_law_alone=_has_law_alone(settings),
    )
    agent = NodeAgent(files, source)

    def status() -> NodeStatus:
        tables = "; ".join(filter(None, (agent.trouble, source.copy_trouble)))
        away = AWAY if source.is_away else ""
        return NodeStatus(away=away, tables=tables, restored=source.restored)

    try:
        revision = await asyncio.to_thread(agent.catch_up)
        log.info(READY, revision=revision)
        told = settings.provider.rollouts
        beside: list[Coroutine[Any, Any, None]] = []
        if settings.node.name and told.has_targets:
            keys = ProviderKeys(Path(settings.data) / KEYS_FOLDER)
            beside.append(RolloutMessenger(pool, told, now).run())
            beside.append(QueueMessenger(pool, keys, told, now).run())
        await until_stopped(_run_and_tell(agent, settings, now, status, beside))
    finally:
        source.close()
        await asyncio.to_thread(pool.close)


def _has_law_alone(settings: Settings) -> bool:
    """Tell whether strangers of some network have no security lists."""
    return not all(
        each.security for each in (*settings.node.tenants, *settings.node.other_networks)
    )


async def _wait_for_postgres(settings: Settings, files: PlaneFiles, now: Now) -> PostgresPool:
    """Keep tables by what was kept beside them until PostgreSQL is there.

    Raises CopdnsError where nothing was kept: there is no node yet that could answer.
    """
    copies = NodeCopies(Path(settings.node.folder))
    revision = files.read_revision()
    if revision is None:
        raise StoreError("PostgreSQL cannot be reached, and there are no tables to go on with")
    lists = await asyncio.to_thread(_lists_in_force, None, settings, copies, now, files)
    law, missing = lists.law_trouble
    journal = JournalReader(Path(settings.data))
    source = await asyncio.to_thread(
        partial(AwaySource, has_law_alone=_has_law_alone(settings)),
        *(copies, lists, revision, now, journal),
    )
    agent = NodeAgent(files, source)
    await asyncio.to_thread(agent.catch_up)
    log.warning(AWAY, revision=revision)
    telling = _run_and_tell(
        agent,
        settings,
        now,
        lambda: NodeStatus(away=AWAY, law=law, law_missing=missing, tables=agent.trouble),
    )
    running = asyncio.create_task(telling)
    try:
        while True:
            pool = await asyncio.to_thread(_open_pool_or_none, settings)
            if pool is not None:
                return pool
            done, _ = await asyncio.wait({running}, timeout=TRY_EVERY)
            if done:
                running.result()  # raises: without it, time would stand still and nobody be told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _open_pool_or_none(settings: Settings) -> PostgresPool | None:
    """Return None while PostgreSQL is away; raise CopdnsError for all else."""
    try:
        return _open_pool(settings)
    except StoreAwayError:
        return None


async def _run_and_tell(
    agent: NodeAgent,
    settings: Settings,
    now: Now,
    status: Callable[[], NodeStatus],
    beside: Sequence[Coroutine[Any, Any, None]] = (),
) -> None:
    """Follow the source until cancelled, and say how that goes.  beside: what runs meanwhile."""
    file = StatusFile(Path(settings.node.folder), now)

    async def tell() -> None:
        while True:
            await asyncio.to_thread(file.write, status())
            await asyncio.sleep(TELL_EVERY)

    others = [asyncio.ensure_future(each) for each in (tell(), *beside)]
    try:
        await agent.run()
    finally:
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _lists_in_force(
    pool: PostgresPool | None,
    settings: Settings,
    copies: NodeCopies,
    now: Now,
    files: PlaneFiles | None = None,
) -> ListsNow:
    """files: the tables, which have the law of before; None where PostgreSQL has all of it."""

    def rows() -> list[Row]:
        return [] if files is None else list(files.read(PlaneTable.NAMES))

    law = LawInForce(pool, Path(settings.data), copies, rows)
    resolver = ResolverFiles(Path(settings.node.folder), settings.node.unbound_control)
    rollouts = report = None
    if pool is not None and settings.node.name:
        rollouts = NodeRollouts(RolloutStore(pool), settings, now)
        report = NodeReport(FigureRows(pool), settings, now)
    return ListsNow(NodeLists(settings), law, resolver, now, rollouts, report)


async def collect_bindings(settings: Settings, now: Now) -> None:
    """Take in who has which address until SIGTERM or SIGINT; raise CopdnsError.

    now: seconds since 1970.
    """
    node = settings.node
    if not (node.radius_listen or node.bindings_listen):
        raise ConfigError(
            "node.radius_listen and node.bindings_listen are empty; one of them has to say where "
            "addresses are told"
        )
    if node.bindings_listen and len(node.bindings_token) < 16:
        raise ConfigError("node.bindings_token: a token has at least 16 characters")
    pool = PostgresPool(settings.provider.database, most=CONNECTIONS, opens=False)

    def prepare() -> None:
        pool.open()
        make_tables(pool)
        require_role(pool, RoleDuty.BINDINGS)

    journal = await asyncio.to_thread(BindingJournal, Path(settings.data))
    collector = BindingCollector(pool, node.kept_for, now, journal, prepare)
    async with AsyncExitStack() as stack:
        stack.callback(pool.close)
        stack.callback(collector.close)
        await collector.begin()
        if node.radius_listen:
            secrets = {each.address: each.secret.encode() for each in node.radius}
            line = Attribute[node.radius_line.upper()]
            listener = RadiusListener(secrets, line, now, lambda told: collector.take([told]))
            await listener.start(*_host_and_port(node.radius_listen))
            stack.callback(listener.close)
        if node.bindings_listen:
            runner = web.AppRunner(bindings_api(collector, node.bindings_token), access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            host, port = _host_and_port(node.bindings_listen)
            try:
                await web.TCPSite(runner, host, port).start()
            except OSError as error:
                raise ListenError(f"{host} port {port}: {error.strerror}") from error
        log.info("addresses are taken in", writes=collector.is_leading)
        await until_stopped(collector.run())


async def until_stopped(work: Coroutine[Any, Any, Result]) -> Result | None:
    """Return what some work gives; None where the program is told to stop before."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for each in (running, stopping):
        each.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    try:
        return await running
    except asyncio.CancelledError:
        log.info("stopped")
        return None


def _host_and_port(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
