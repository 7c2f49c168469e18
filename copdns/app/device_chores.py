"""Chores for devices: store unknown ones, publish events about them, and read lease files.

`network/unknown_devices.py` and `network/same_client.py` decide; this module stores and reports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from copdns.events.bus import EventBus
from copdns.model.errors import StoreError
from copdns.model.events import DeviceEvent, EventKind
from copdns.network.lease_files import LeaseFiles
from copdns.network.lease_names import RecordsByName, lease_records
from copdns.network.leases import Lease
from copdns.network.machine import in_container
from copdns.network.same_client import SeenRequestor, same_client_warning
from copdns.network.unknown_devices import UnknownDevice, find_named, highest_number, update_unknown
from copdns.policy.snapshot import Snapshot, UnknownClient
from copdns.server.recognition import Recognition
from copdns.settings.config import AUTO, IdentitySettings
from copdns.store.log_db.unknown_devices import (
    load_highest_numbers,
    load_unknown_devices,
    save_unknown_devices,
)
from copdns.time.clock import Moment

log = structlog.get_logger("copdns")

MAX_COMPARED = 64  # clients; two different ones are enough
IDENTIFY_ANEW_EVERY = 3600.0  # seconds, so that the day on which a device was last seen is right


class DeviceChores:
    """Keeps the list of unknown devices.

    warning: why devices cannot be told apart, for people; "" where they can.
    """

    def __init__(
        self,
        folder: Path,
        recognition: Recognition,
        clock: Callable[[], Moment],
        questions: Callable[[], int],
        events: EventBus,
        set_names: Callable[[RecordsByName], None] = lambda _records: None,
    ) -> None:
        """questions: returns how many queries were answered since the start.

        set_names: takes over the names of leased devices, and is called whenever they change.
        """
        self.warning = ""
        self._folder = folder
        self._recognition = recognition
        self._clock = clock
        self._questions = questions
        self._events = events
        self._unknown: tuple[UnknownDevice, ...] = ()
        self._stored: tuple[UnknownDevice, ...] | None = None  # None: not read yet
        self._highest_numbers: dict[str, int] = {}  # by household, of ids
        self._names: Mapping[str, str] = {}
        self._set_names = set_names
        self._domain = ""  # of these names
        self._leases = LeaseFiles()
        self._requestors: set[tuple[str, str]] = set()  # addresses, and MACs from forwarders
        self._started_at = self._identified_at = clock().mono
        self._in_container = in_container()
        self._failing = False

    async def configure(self, settings: IdentitySettings) -> None:
        """Apply the settings, and read the lease files that they name."""
        self._recognition.start(neighbours=settings.neighbours == AUTO)
        self._domain = settings.lease_domain
        self._leases = LeaseFiles.from_settings(
            [(each.path, each.format) for each in settings.leases]
        )
        leases = await asyncio.to_thread(self._leases.read, self._clock().wall)
        self._apply_leases(leases or ())

    def see(self, household: str) -> frozenset[tuple[str, str]]:
        """Return addresses with the MAC addresses that were seen behind them.

        Those of now, of clients behind forwarders, and of devices in a household that are unknown,
        or were when they sent their last query.  May be called in another thread.
        """
        now = self._recognition.snapshot.sightings
        pairs = set(self._requestors) | set((now.neighbours or {}).items())
        pairs |= set(now.leases.items())
        pairs |= {(e.address, e.mac) for e in self._unknown if e.household == household}
        return frozenset((address, mac) for address, mac in pairs if mac)

    async def run_once(self) -> None:
        """Run all chores once."""
        moment = self._clock()
        leases = await asyncio.to_thread(self._leases.read, moment.wall)
        if leases is not None:
            self._apply_leases(leases)
        await self._load()
        self._drop_known()
        self._take_unknown(moment)
        await self._save()
        self._check_same_client(moment)

    def _apply_leases(self, leases: tuple[Lease, ...]) -> None:
        self._names = {each.address: each.name for each in leases if each.name}
        self._recognition.set_leases({each.address: each.mac for each in leases if each.mac})
        self._set_names(lease_records(leases, self._domain))

    def _take_unknown(self, moment: Moment) -> None:
        """Add the clients that were seen and are still unknown, and publish events."""
        snapshot = self._recognition.snapshot
        seen = map(self._with_mac, snapshot.take_unknown())
        unknown = [each for each in seen if not _device_of(snapshot, each)]
        found = update_unknown(
            self._unknown, unknown, self._name, moment.wall, self._highest_numbers
        )
        self._unknown = found.devices
        for each in found.newcomers:
            self._highest_numbers[each.household] = max(
                self._highest_numbers.get(each.household, 0), highest_number([each.id])
            )
            kind = EventKind.UNKNOWN_MAC if each.device else EventKind.UNKNOWN_DEVICE
            self._events.publish(
                DeviceEvent(kind, each.household, each.id, each.device, private=each.is_private)
            )
        if moment.mono > self._identified_at + IDENTIFY_ANEW_EVERY:
            self._identified_at = moment.mono
            self._recognition.identify_anew()

    def _with_mac(self, client: UnknownClient) -> UnknownClient:
        """Add the MAC address, which often is seen only after the first answer was sent."""
        return client._replace(
            mac=client.mac or self._recognition.snapshot.sightings.mac_at(client.address)
        )

    def _name(self, client: UnknownClient) -> str:
        return self._names.get(client.address, "")

    def _drop_known(self) -> None:
        """Remove the unknown devices that are named now."""
        snapshot = self._recognition.snapshot
        for known, device in list(
            find_named(self._unknown, lambda each: _device_of(snapshot, each))
        ):
            self._unknown = tuple(each for each in self._unknown if each is not known)
            self._events.publish(
                DeviceEvent(EventKind.DEVICE_RECOGNISED, known.household, known.id, device)
            )

    async def _load(self) -> None:
        """Read the stored list, once it can be read."""
        if self._stored is not None:
            return
        try:
            stored = await asyncio.to_thread(load_unknown_devices, self._folder)
            numbers = await asyncio.to_thread(load_highest_numbers, self._folder)
        except StoreError as error:
            self._warn_not_kept(error)
            return
        self._unknown, self._stored, self._highest_numbers = stored, stored, numbers

    async def _save(self) -> None:
        """Store the list; where that fails, log it once and try again."""
        if self._stored is None or self._unknown == self._stored:
            return
        unknown = self._unknown
        try:
            await asyncio.to_thread(save_unknown_devices, self._folder, unknown)
        except StoreError as error:
            self._warn_not_kept(error)
            return
        self._stored, self._failing = unknown, False

    def _warn_not_kept(self, error: StoreError) -> None:
        if not self._failing:
            log.warning("unknown devices are not recorded", error=str(error))
        self._failing = True

    def _check_same_client(self, moment: Moment) -> None:
        """Warn while all requestors look like one client."""
        snapshot = self._recognition.snapshot
        if len(self._requestors) < MAX_COMPARED:
            self._requestors.update(snapshot.recent_requestors(MAX_COMPARED))
        seen = snapshot.sightings
        warning = same_client_warning(
            [
                SeenRequestor(address, mac or seen.mac_at(address))
                for address, mac in self._requestors
            ],
            self._questions(),
            moment.mono - self._started_at,
            named=sum(len(each.devices) for each in snapshot.households.values()),
            in_container=self._in_container,
        )
        if warning and not self.warning:
            log.warning("all queries come from one device", todo=warning)
        self.warning = warning


def _device_of(snapshot: Snapshot, seen: UnknownDevice | UnknownClient) -> str:
    """Return the id of the device with this MAC, or without a MAC this address; "" for none."""
    client = (
        snapshot.client_by_mac(seen.mac) if seen.mac else snapshot.client_by_address(seen.address)
    )
    return client.device if client is not None and client.household == seen.household else ""
