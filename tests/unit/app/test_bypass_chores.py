"""What the program does once a minute about silent devices: whom it looks at, and what it keeps."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from copdns.app.bypass_chores import BypassChores, local_hour
from copdns.events.bus import EventBus
from copdns.model.bypass_signs import OTHERS_HEARD, Habit, SignKind
from copdns.model.events import Event, EventKind, SignEvent
from copdns.model.household import Device, Profile
from copdns.model.verdict import Requestor
from copdns.policy.snapshot import Sightings, Snapshot
from copdns.privacy.bypass_signs import DAY
from copdns.store.log_db.bypass_signs import ChangedSigns, KeptSigns, load_signs, update_signs
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock
from tests.household import ADA, MIA, NOW, TOM, family, live

MAC, ADDRESS = "02:00:00:00:00:08", "192.0.2.8"
SEEN = {ADDRESS: MAC, "fe80::8": MAC, "192.0.2.77": "02:00:00:00:00:77"}
CHILD = replace(MIA, bypass=True, bypass_signs=True)
TEENAGER = replace(TOM, bypass=True, bypass_signs=True)
TODAY = int(NOW) // DAY
ALL_DAY = "7" * 24


class World:
    """A home with a person's phone, and a clock that only goes when told."""

    def __init__(self, folder: Path, child: Profile = CHILD, weeks: int = 3) -> None:
        self.folder, self.child = folder, child
        self.wall, self.mono = NOW, 1000.0
        self.neighbours: dict[str, str] | None = dict(SEEN)
        self.asked: list[tuple[str, ...]] = []
        self.events: list[Event] = []
        bus = EventBus()
        bus.subscribe(self.events.append)
        self.clock = Clock(lambda: self.wall, lambda: self.mono, lambda: True)
        self.key = "home", child.id, "phone"
        self.snapshot = self.with_person(child)
        self.chores = self.start(bus)
        self.bus = bus
        if weeks:
            habits = [
                Habit(
                    *self.key, TODAY // 7 - n, TODAY - 7 * n - 6, TODAY - 7 * n, 7, ALL_DAY, 15, 0
                )
                for n in range(weeks)
            ]
            update_signs(folder, {self.key}, lambda _: ChangedSigns(habits, ()))

    def start(self, bus: EventBus) -> BypassChores:
        return BypassChores(
            self.folder,
            lambda: self.snapshot,
            self.clock,
            bus,
            lambda each: self.asked.append(tuple(each)),
        )

    def with_person(self, profile: Profile, before: Snapshot | None = None) -> Snapshot:
        device = Device("phone", "Phone", profile.id, (), (MAC,))
        made = live(family(profile, ADA, devices=(device,)), before=before)
        return made.with_sightings(Sightings(self.neighbours))

    @property
    def kept(self) -> KeptSigns:
        return load_signs(self.folder, "home")

    def ask(self, way: SignKind | None = None, *, proven: bool = False) -> None:
        heard = self.snapshot.heard[self.key]
        heard.lately = True
        if way is not None:
            heard.note_way(way, proven=proven)

    def pass_minutes(self, minutes: int, *, others: bool = True) -> None:
        async def go_on() -> None:
            for _ in range(minutes):
                self.wall, self.mono = self.wall + 60, self.mono + 60
                OTHERS_HEARD.lately = others
                await self.chores.run_once()

        asyncio.run(go_on())

    def told(self) -> list[tuple[str, str]]:
        return [(e.profile, e.device) for e in self.events if isinstance(e, SignEvent)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.pass_minutes(1)  # the first look knows nothing
    return made


def test_a_child_and_its_guardians_are_told_of_a_clear_sign_once(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(31)
    assert world.told() == []
    world.pass_minutes(8)
    assert world.told() == [("mia", "phone")]
    (kept,) = world.kept.signs
    assert (kept.kind, kept.proven, kept.told, kept.at % 3600) == (SignKind.VPN, True, True, 0)
    world.pass_minutes(60)
    assert len(world.told()) == 1
    event = next(each for each in world.events if isinstance(each, SignEvent))
    assert event.kind is EventKind.BYPASS_NOTICED


def test_a_teenager_reads_it_a_day_before_the_guardians(tmp_path: Path) -> None:
    world = World(tmp_path, TEENAGER)
    world.pass_minutes(1)
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(40)
    (kept,) = world.kept.signs
    assert kept.tells is not None
    assert kept.tells > world.wall
    assert world.told() == []
    world.wall += DAY  # of which copdns was off for a part
    world.pass_minutes(2)
    assert world.told() == [("tom", "phone")]


def test_a_silence_alone_is_kept_and_told_to_nobody(world: World) -> None:
    world.ask()
    world.pass_minutes(60)
    assert [each.kind for each in world.kept.signs] == [SignKind.SILENCE]
    assert world.told() == []


def test_the_kernel_is_made_to_ask_for_a_silent_device_and_for_no_other(world: World) -> None:
    for _ in range(9):
        world.ask()
        world.pass_minutes(1)
    assert world.asked == []
    world.pass_minutes(20)
    assert set(world.asked) == {(ADDRESS,)}
    assert len(world.asked) <= 4


def test_a_device_that_does_not_answer_the_kernel_is_away(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(11)
    world.neighbours = {}
    world.snapshot = world.with_person(CHILD, world.snapshot)
    world.pass_minutes(120)
    assert world.kept.signs == ()


def test_where_the_network_shows_nothing_there_is_no_sign(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.neighbours = None
    world.snapshot = world.with_person(CHILD)
    world.pass_minutes(1)
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(120)
    assert (world.kept.signs, world.asked) == ((), [])


@pytest.mark.parametrize("seconds", [-7200.0, -120.0, 120.0, 30 * 86_400.0])
def test_after_a_clock_was_set_nobody_knows_how_long_a_device_was_silent(
    world: World, seconds: float
) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(20)
    world.wall += seconds
    world.pass_minutes(100)
    assert world.kept.signs == ()


def test_a_restart_or_a_machine_that_stood_still_is_no_silence(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(20)
    world.chores = world.start(world.bus)
    world.pass_minutes(100)
    assert world.kept.signs == ()
    world.ask(SignKind.VPN, proven=True)
    world.wall, world.mono = world.wall + 600, world.mono + 600  # nothing ran meanwhile
    world.pass_minutes(100)
    assert world.kept.signs == ()


def test_while_the_whole_home_is_silent_no_device_is(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(120, others=False)
    assert world.kept.signs == ()


def test_what_this_machine_asks_is_nobody_else_at_home(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    for _ in range(120):
        itself = world.snapshot.identify(Requestor("192.0.2.1", "127.0.0.1", "udp"))
        itself.heard.lately = True
        world.pass_minutes(1, others=False)
    assert world.kept.signs == ()


@pytest.mark.parametrize(
    "changed",
    [
        replace(CHILD, bypass_signs=False),
        replace(CHILD, bypass=False),
        replace(TEENAGER, band=MIA.band),  # the phone is somebody else's now
    ],
)
def test_what_is_kept_goes_when_nobody_notices_any_more(world: World, changed: Profile) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(40)
    assert world.kept.signs
    world.snapshot = world.with_person(changed, world.snapshot)
    world.pass_minutes(1)
    assert load_signs(world.folder, "home", "mia") == KeptSigns()


def test_deleting_a_persons_records_deletes_it_and_nothing_brings_it_back(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(40)
    log = QueryLog(world.folder)
    log.erase("home", "mia", world.wall)
    assert world.kept == KeptSigns()
    world.pass_minutes(5)
    assert world.kept == KeptSigns()
    world.ask()
    world.pass_minutes(1)
    assert [each.days for each in world.kept.habits] == [1]  # it is known for a day again
    log.forget("home", "mia")
    log.stop()
    assert world.kept == KeptSigns()


def test_old_weeks_and_signs_are_deleted_and_so_are_those_ahead(world: World) -> None:
    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(40)
    log = QueryLog(world.folder)
    log.purge(world.wall + 13 * DAY)
    assert len(world.kept.signs) == 1
    assert len(world.kept.habits) < 3
    log.purge(world.wall + 15 * DAY)
    assert world.kept.signs == ()
    log.purge(world.wall + 30 * DAY)
    assert world.kept.habits == ()


def test_what_is_to_go_goes_while_a_clock_is_being_set(world: World) -> None:
    world.snapshot = world.with_person(replace(CHILD, bypass_signs=False), world.snapshot)
    world.wall += 3600
    world.pass_minutes(1)
    assert world.kept.habits == ()


def test_a_log_that_cannot_be_written_makes_no_sign(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Iterable[None]:
        raise sqlite3.OperationalError("disk I/O error")

    world.ask(SignKind.VPN, proven=True)
    world.pass_minutes(20)
    monkeypatch.setattr("copdns.store.log_db.bypass_signs.open_database", refuse)
    world.pass_minutes(3)
    monkeypatch.undo()
    world.pass_minutes(100)
    assert world.kept.signs == ()


def test_no_database_is_made_where_nobody_notices_anything(tmp_path: Path) -> None:
    world = World(tmp_path, MIA, weeks=0)
    world.pass_minutes(3)
    assert list(tmp_path.iterdir()) == []


def test_hours_are_those_of_the_persons_calendar() -> None:
    far = replace(CHILD, timezone="Pacific/Auckland")
    home = family(far)
    assert local_hour(home, far, NOW) == (TODAY + 1, 5)
    assert local_hour(home, replace(far, timezone=""), NOW) == (TODAY, 16)
