"""Beside the answering, every few seconds: note who is unknown, tell of it, read leases anew.

What is decided stands in `visitors` and `crowd`; here it is kept, told and put together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from copdns.config import AUTO, IdentitySettings
from copdns.events.bus import EventBus
from copdns.model.errors import StoreError
from copdns.model.events import DeviceEvent, EventKind
from copdns.network.lease_files import LeaseFiles
from copdns.network.leases import Lease
from copdns.network.machine import in_container
from copdns.network.same_client import SeenRequestor, same_client_warning
from copdns.network.unknown_devices import UnknownDevice, highest, now_known, update_unknown
from copdns.policy.snapshot import Snapshot, UnknownClient
from copdns.server.recognition import Recognition
from copdns.store.log_db.unknown_devices import load_numbers, load_visitors, save_visitors
from copdns.time.moment import Moment

log = structlog.get_logger("copdns")

CLIENTS = 64  # that are compared; two are enough to tell them apart
AFRESH = 3600.0  # seconds after which whoever asks is looked at anew, so that a last day is right


class DeviceChores:
    """Keeps the list of unknown devices.

    warning: what is wrong with how devices are told apart; "" when nothing is.
    """

    def __init__(
        self,
        folder: Path,
        recognition: Recognition,
        clock: Callable[[], Moment],
        questions: Callable[[], int],
        events: EventBus,
    ) -> None:
        """questions: how many were answered since the start."""
        self.warning = ""
        self._folder = folder
        self._recognition = recognition
        self._clock = clock
        self._questions = questions
        self._events = events
        self._visitors: tuple[UnknownDevice, ...] = ()
        self._stored: tuple[UnknownDevice, ...] | None = None  # None: not read yet
        self._numbers: dict[str, int] = {}  # by household: the highest that a visitor had
        self._names: Mapping[str, str] = {}
        self._leases = LeaseFiles()
        self._asking: set[tuple[str, str]] = set()  # addresses, and MACs that a forwarder told
        self._since = self._afresh = clock().mono
        self._in_container = in_container()
        self._failing = False

    async def configure(self, settings: IdentitySettings) -> None:
        """Look at the network as the settings say, from now on."""
        self._recognition.start(neighbours=settings.neighbours == AUTO)
        self._leases = LeaseFiles.of([(each.path, each.format) for each in settings.leases])
        leases = await asyncio.to_thread(self._leases.read, self._clock().wall)
        self._lease(leases or ())

    async def run_once(self) -> None:
        """Do everything once."""
        moment = self._clock()
        leases = await asyncio.to_thread(self._leases.read, moment.wall)
        if leases is not None:
            self._lease(leases)
        await self._load()
        self._see_off()
        self._greet(moment)
        await self._save()
        self._compare(moment)

    def _lease(self, leases: tuple[Lease, ...]) -> None:
        self._names = {each.address: each.name for each in leases if each.name}
        self._recognition.set_leases({each.address: each.mac for each in leases if each.mac})

    def _greet(self, moment: Moment) -> None:
        """Take over who was noticed, and is unknown still."""
        live = self._recognition.snapshot
        noticed = map(self._seen_now, live.take_unknown())
        unknown = [each for each in noticed if not _owner(live, each)]
        found = update_unknown(self._visitors, unknown, self._name, moment.wall, self._numbers)
        self._visitors = found.visitors
        for each in found.newcomers:
            self._numbers[each.household] = max(
                self._numbers.get(each.household, 0), highest([each.id])
            )
            kind = EventKind.UNKNOWN_MAC if each.device else EventKind.UNKNOWN_DEVICE
            self._events.publish(
                DeviceEvent(kind, each.household, each.id, each.device, private=each.is_private)
            )
        if moment.mono > self._afresh + AFRESH:
            self._afresh = moment.mono
            self._recognition.identify_anew()

    def _seen_now(self, notice: UnknownClient) -> UnknownClient:
        """Add the MAC address, which often is seen only after the first answer went out."""
        return notice._replace(
            mac=notice.mac or self._recognition.snapshot.sightings.mac_at(notice.address)
        )

    def _name(self, notice: UnknownClient) -> str:
        return self._names.get(notice.address, "")

    def _see_off(self) -> None:
        """Let those go who have a name now."""
        live = self._recognition.snapshot
        for visitor, device in list(now_known(self._visitors, lambda each: _owner(live, each))):
            self._visitors = tuple(each for each in self._visitors if each is not visitor)
            self._events.publish(
                DeviceEvent(EventKind.DEVICE_RECOGNISED, visitor.household, visitor.id, device)
            )

    async def _load(self) -> None:
        """Read the list once; while it cannot be read, those who ask now are all there are."""
        if self._stored is not None:
            return
        try:
            stored = await asyncio.to_thread(load_visitors, self._folder)
            numbers = await asyncio.to_thread(load_numbers, self._folder)
        except StoreError as error:
            self._not_kept(error)
            return
        self._visitors, self._stored, self._numbers = stored, stored, numbers

    async def _save(self) -> None:
        """Keep the list; a disk that is full or busy is told of once, and tried again."""
        if self._stored is None or self._visitors == self._stored:
            return
        visitors = self._visitors
        try:
            await asyncio.to_thread(save_visitors, self._folder, visitors)
        except StoreError as error:
            self._not_kept(error)
            return
        self._stored, self._failing = visitors, False

    def _not_kept(self, error: StoreError) -> None:
        if not self._failing:
            log.warning("unknown devices are not kept", error=str(error))
        self._failing = True

    def _compare(self, moment: Moment) -> None:
        """Warn while all that asked look like one."""
        live = self._recognition.snapshot
        if len(self._asking) < CLIENTS:
            self._asking.update(live.recent_requestors(CLIENTS))
        seen = live.sightings
        warning = same_client_warning(
            [SeenRequestor(address, mac or seen.mac_at(address)) for address, mac in self._asking],
            self._questions(),
            moment.mono - self._since,
            named=sum(len(each.devices) for each in live.households.values()),
            in_container=self._in_container,
        )
        if warning and not self.warning:
            log.warning("all devices look alike", todo=warning)
        self.warning = warning


def _owner(live: Snapshot, seen: UnknownDevice | UnknownClient) -> str:
    """Return the device that somebody is known as now: by the MAC address, else the address."""
    client = live.client_by_mac(seen.mac) if seen.mac else live.client_by_address(seen.address)
    return client.device if client is not None and client.household == seen.household else ""
