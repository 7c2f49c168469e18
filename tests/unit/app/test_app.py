"""What goes on beside the answering: changes that meet."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from copdns.app.app import App
from copdns.app.languages import speak_to_guardians
from copdns.household.check import KnownIds
from copdns.household.rule_edits import add_rule
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import StartError, StoreError
from copdns.model.household import Household, RuleAction
from copdns.privacy.list_counts import week_of
from copdns.settings.config import (
    DnsSettings,
    ListFile,
    RebindingSettings,
    Settings,
    SourceSettings,
    UpstreamSettings,
    WebSettings,
)
from copdns.store.household_db.household import HouseholdStore
from copdns.words.phrases import Phrases
from tests.running import free_port


@pytest.mark.parametrize(("speaks", "notices"), [("fr", "fr"), ("ar", "en"), ("", "en")])
def test_a_notice_is_in_the_language_of_the_household(speaks: str, notices: str) -> None:
    """The guardians' pages have no Arabic, so a notice is in English as they are."""
    houses = {"home": Household("home", "Home", language=speaks)}
    for household in ("home", ""):  # "": what is about the machine
        language = speak_to_guardians(houses, household)
        assert isinstance(language, Phrases)
        assert language.language == notices


class HeldApp(App):
    """An App whose reload stops, while `gate` is closed, after it has read what is stored."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, lambda: settings)
        self.gate = asyncio.Event()
        self.gate.set()
        self.stands = asyncio.Event()
        self.listens = asyncio.Event()
        self.looked = asyncio.Event()

    async def _listen(self) -> None:
        self.stands.set()
        await self.gate.wait()
        await super()._listen()
        self.listens.set()

    def _chores(self) -> Iterator[Coroutine[Any, Any, None]]:
        look = self._household.poll

        async def looked() -> None:
            await look()
            self.looked.set()

        self._household.poll = looked  # type: ignore[method-assign]
        return super()._chores()

    @property
    def revision(self) -> int:
        return self._resolver.snapshot.households["home"].revision

    @property
    def on_trial(self) -> frozenset[str]:
        return self._resolver.snapshot.contexts["home"].log_only


def settings(folder: Path) -> Settings:
    return Settings(
        dns=DnsSettings(listen=("127.0.0.1",), port=free_port()),
        web=WebSettings(listen=("127.0.0.1",), port=free_port()),
        upstreams=UpstreamSettings(servers=(UpstreamAddress("127.0.0.1", free_port()),)),
        sources=SourceSettings(use="none"),
        data=str(folder),
    )


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[HeldApp]:
    app = HeldApp(settings(folder))
    task = asyncio.create_task(app.run())
    async with asyncio.timeout(30):
        await app.listens.wait()
        yield app
        app._stop.set()
        await task


async def block(folder: Path, name: str) -> None:
    edit = partial(add_rule, action=RuleAction.BLOCK, text=name, known=KnownIds())
    with HouseholdStore.open(folder) as store:
        await store.change("home", edit, author="a test", what=name, now=0)


class EarlyApp(HeldApp):
    """An App to which signals come while it begins, and whose disk may fail then.

    ended: what was closed in good order.
    """

    signals: tuple[int, ...] = ()
    ended = False

    async def _begin_housekeeping(self) -> None:
        for number in self.signals:
            signal.raise_signal(number)
        await super()._begin_housekeeping()

    async def _close(self) -> None:
        await super()._close()
        self.ended = True


async def test_a_stop_and_a_reload_may_come_while_copdns_begins(tmp_path: Path) -> None:
    app = EarlyApp(settings(tmp_path))
    app.signals = (signal.SIGHUP, signal.SIGTERM)
    async with asyncio.timeout(30):
        await app.run()
    assert app.ended
    with HouseholdStore.open(tmp_path) as store:
        assert await store.household("home")


async def test_a_reload_that_is_asked_for_while_copdns_begins_comes_once_it_is_there(
    tmp_path: Path,
) -> None:
    app, reads = EarlyApp(settings(tmp_path)), asyncio.Event()
    app.signals = (signal.SIGHUP,)

    def reread() -> Settings:
        asyncio.run_coroutine_threadsafe(_set(reads), app._loop)
        return app.settings

    app._reread = reread
    task = asyncio.create_task(app.run())
    async with asyncio.timeout(30):
        await reads.wait()
        app._stop.set()
        await task
    assert app.ended


async def _set(event: asyncio.Event) -> None:
    event.set()


async def test_a_part_that_cannot_be_read_ends_copdns_with_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("copdns.app.parts.import_module", fail)
    app = EarlyApp(settings(tmp_path))
    async with asyncio.timeout(30):
        with pytest.raises(StartError, match="Input/output error"):
            await app.run()
    assert app.ended
    with socket.create_server(("127.0.0.1", app.settings.dns.port)):  # nobody listens there now
        pass


async def test_a_change_during_a_reload_is_not_lost(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        app.gate.clear()
        app.stands.clear()
        reload = asyncio.create_task(app._reload())
        await app.stands.wait()  # it has read the household as it was
        await block(tmp_path, "games.example")
        follow = asyncio.create_task(app._household.poll())
        await asyncio.wait([follow], timeout=0.2)  # it may go before the reload, or after it
        app.gate.set()
        await asyncio.gather(reload, follow)
        assert app.revision == 2


async def test_a_household_is_read_once_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[str] = []
    read = HouseholdStore.household

    async def counted(store: HouseholdStore, household: str) -> Household | None:
        reads.append(household)
        return await read(store, household)

    monkeypatch.setattr(HouseholdStore, "household", counted)
    for _ in ("the first start, which writes it", "the second"):
        reads.clear()
        async with running(tmp_path) as app:
            app.looked.clear()
            await app.looked.wait()
            assert reads == ["home"]


async def test_a_change_that_could_not_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    async with running(tmp_path) as app:

        async def busy_once(household: str) -> Household | None:
            tries.append(household)
            monkeypatch.undo()
            raise StoreError("another process keeps it busy")

        monkeypatch.setattr(app._store, "household", busy_once)
        await block(tmp_path, "games.example")
        while app.revision != 2:
            app.looked.clear()
            await app.looked.wait()
        assert tries == ["home"], "the first try met the error"


async def test_a_storm_of_signals_takes_one_reload_more(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        reads: list[None] = []
        app._reread = lambda: reads.append(None) or app.settings  # type: ignore[func-returns-value]
        app.gate.clear()
        app.stands.clear()
        async with asyncio.TaskGroup() as tasks:
            under_way: set[asyncio.Task[None]] = set()
            app._begin_reload(tasks, under_way)
            await app.stands.wait()  # the first has read the settings
            for _ in range(100):
                app._begin_reload(tasks, under_way)
            assert len(under_way) == 2
            app.gate.set()
        assert len(reads) == 2
        assert not under_way


async def test_a_reload_keeps_responses_unless_they_may_be_others_now(tmp_path: Path) -> None:
    async with running(tmp_path) as app:
        before = app._resolver.responses.cache
        app._reread = lambda: app.settings.model_copy(update={"rebinding": RebindingSettings()})
        await app._reload()
        assert app._resolver.responses.cache is before
        other = UpstreamSettings(servers=(UpstreamAddress("127.0.0.1", free_port()),))
        app._reread = lambda: app.settings.model_copy(update={"upstreams": other})
        await app._reload()
        assert app._resolver.responses.cache is not before


async def test_a_new_list_only_counts_until_a_guardian_lets_it_block(tmp_path: Path) -> None:
    (tmp_path / "boards.txt").write_text("chess.example\n")
    async with running(tmp_path) as app:
        boards = ListFile(
            slug="boards",
            path=str(tmp_path / "boards.txt"),
            category="games",
            format="domains",
            match="subtree",
            log_only=3,
        )
        app._reread = lambda: app.settings.model_copy(update={"lists": (boards,)})
        await app._reload()
        assert app.on_trial == {"boards"}  # from the first answer on
        await app._follow_time()
        now = app._now()
        assert app._updates.log_only.until("boards", now) == pytest.approx(now + 3 * 86_400, abs=60)
        await asyncio.to_thread(app._log.flush)  # makes the file
        await app._note_scores(now)
        noted = app._log.list_counts("home", 0)
        assert noted["home", "boards", week_of(now), "entries"] == 1
        await app._updates.set_days("boards", 0, now)
        await app._follow_time()
        assert app.on_trial == frozenset()
