"""What copdns does beside answering: it tells people, counts for them, backs up and tests itself.

No query waits for it, so `parts.py` makes it once queries are answered, and imports this module
only then: with all that it imports it is 8 ms of a start.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from copdns.app.backup_chores import BackupChores
from copdns.app.bypass_chores import BypassChores
from copdns.app.digest_chores import DigestChores
from copdns.app.languages import speak_to_browser, speak_to_guardians
from copdns.app.mqtt_chores import MqttChores
from copdns.app.push_chores import PushChores
from copdns.app.self_test import SelfTest
from copdns.app.time_chores import TimeChores
from copdns.dns.upstream import UpstreamClient
from copdns.events.bus import EventBus
from copdns.events.push_sender import MANY_BOUNDS, PushBounds
from copdns.events.targets import Targets
from copdns.list_files.own_lists import OwnLists
from copdns.model.hosts import desk_url
from copdns.policy.snapshot import Snapshot
from copdns.settings.config import Settings
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.push import PushStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.clock import Clock
from copdns.web.second_box.bundles import FirstBox


class Housekeeping:
    """The parts that tell what happens, back up, and test copdns.

    tells: whether this program tells what happens; the program on a second box does not.
    """

    def __init__(
        self,
        *,
        folder: Path,
        settings: Callable[[], Settings],
        snapshot: Callable[[], Snapshot],
        clock: Clock,
        store: HouseholdStore,
        thread: StoreThread,
        log: QueryLog,
        own_lists: OwnLists,
        events: EventBus,
        time_chores: TimeChores,
        upstreams: UpstreamClient,
        tells: bool,
    ) -> None:
        web = settings().web
        desk = desk_url(web.port, web.tls_port)
        self.targets = Targets(
            settings().events,
            desk=desk,
            speaks=lambda household: speak_to_guardians(snapshot().households, household),
        )
        self.digests = DigestChores(store, thread, log, folder, snapshot, settings, clock, desk)
        self.backups = BackupChores(folder, lambda: settings().backup, own_lists, clock)
        self.push_store = PushStore(thread)
        self.push = PushChores(
            self.push_store,
            AppealStore(store),
            folder,
            lambda: settings().push,
            clock,
            speak_to_browser,
            MANY_BOUNDS if settings().provider.kept else PushBounds(),
        )
        self.first_box = FirstBox(
            thread, folder, time_chores.merge, time_chores.todays_usage, lambda: clock().wall
        )
        self.mqtt = MqttChores(lambda: settings().mqtt, snapshot, time_chores, store, clock)
        self.self_test = SelfTest(upstreams, snapshot, clock, events.publish)
        self.bypass = BypassChores(folder, snapshot, clock, events)
        if tells:
            events.subscribe(self.targets.enqueue)
            if settings().provider.show_pages:  # else it knows no browser that wants notices
                events.subscribe(self.push.on_event)
            events.subscribe(self.mqtt.on_event)
