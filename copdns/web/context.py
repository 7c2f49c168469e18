"""What request handlers need of the rest of the program."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from copdns.appeals.list_errors import Vouch, vouched_names
from copdns.appeals.opening import Services
from copdns.events.mail import mail_server_of
from copdns.events.push_result import PushResult
from copdns.events.targets import Targets
from copdns.household.check import KnownIds
from copdns.list_files.facts import SHIPPED, Facts
from copdns.list_files.facts_updates import FactsUpdater
from copdns.list_files.load import bundled_presets, is_known_to_filter, known_ids
from copdns.list_files.updates import ListUpdater
from copdns.model.addresses import UpstreamAddress
from copdns.model.hosts import desk_url
from copdns.model.household import Household, PrivacyMode, Profile
from copdns.model.push import PushSubscription
from copdns.model.verdict import Requestor
from copdns.network.machine import is_copdns
from copdns.network.other_resolvers import Assessment
from copdns.network.probes import Probes
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.rules_reach import RulesReach, devices_told_apart, find_reach
from copdns.policy.snapshot import Client, Snapshot
from copdns.privacy.recent_blocks import RecentBlocks
from copdns.settings.config import Settings
from copdns.settings.household import LogSettings
from copdns.store.household_db.account_codes import AccountCodes
from copdns.store.household_db.accounts import Accounts
from copdns.store.household_db.ages import Ages
from copdns.store.household_db.appeals import AppealStore
from copdns.store.household_db.claims import Claims
from copdns.store.household_db.consents import Consents
from copdns.store.household_db.digests import Digests
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.looks import Looks, Notices
from copdns.store.household_db.other_homes import OtherHomes
from copdns.store.household_db.pairings import Pairings
from copdns.store.household_db.pins import Pins
from copdns.store.household_db.proposals import Proposals
from copdns.store.household_db.sessions import Sessions, Tokens
from copdns.store.household_db.setup import Setups
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.time.own_timers import OwnTimers
from copdns.time.plan import PolicyInputs
from copdns.web.https import HttpsOffer
from copdns.web.logins import Logins
from copdns.web.many_households.family_door import FamilyDoor
from copdns.web.many_households.review_desk import ReviewDesk
from copdns.web.pages import Pages
from copdns.web.second_box.bundles import FirstBox
from copdns.web.second_box.follow_status import FollowStatus

Readiness = Callable[[], tuple[str, ...]]


class ListsState(NamedTuple):
    """How many lists of other people are chosen, and which are not in force.

    missing: a sentence that names those; "" for none.
    """

    chosen: int
    missing: str = ""


class HeardApart(NamedTuple):
    """heard: how many devices were told apart in the last week.  silent: names of the others."""

    heard: int
    silent: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppContext:
    """What handlers get of the program: one for the whole application.  Callables give what
    changes.

    readiness: what keeps copdns from answering under the household's policy; nothing: ready.
    warnings: what else is wrong while queries are answered.  hosts: host names under which the
    pages may be reached, besides addresses.  snapshot: the one in force.  policy_inputs: what it
    was built from besides the household.  identify: the client that a request comes from, as for
    DNS.  now: seconds since the epoch.  store: the household; thread: all other tables of its
    database.  folder: of the databases.  log: the query log.  probes: what devices showed that
    check themselves.  scan_resolvers: asks the network which resolvers it hands out.  lists: how
    many lists of other people are used; updates: fetches them.  facts: those in force;
    facts_updates: fetches newer ones.  addresses: those that answer
    queries.  settings: those in force.  targets: who gets events.  damage: what is wrong with
    `household.db`, "" for nothing; repair: makes the new one from its copy.  https: whether there
    is HTTPS, and on which port.  own_timers: those that people start for themselves.
    desk_over_http: passwords may be sent without encryption over the network (the setting
    `web.desk_over_http`).  try_push: sends a test to a browser that gets notices; None where
    nothing is sent.  door: says whose pages a request is about, where there are many households;
    None where there is one.  trouble_of_upstream: asks one and returns what is wrong with it, ""
    for nothing; it blocks for seconds.  first_box: tells boxes that follow this one; None where
    none can.  follows: returns whom this box follows; None: nobody, so rules are changed here.
    review_desk: a provider's reviewers; None at home.  further_guardian_waits: for how many seconds
    (`accounts/further_guardian.py`); 0 at home.  family_warnings: those of `warnings` that a family
    notices.
    """

    registry: CollectorRegistry
    readiness: Readiness
    warnings: Readiness
    hosts: frozenset[str]
    snapshot: Callable[[], Snapshot]
    policy_inputs: Callable[[], PolicyInputs]
    identify: Callable[[Requestor], Client]
    recent: RecentBlocks
    now: Callable[[], float]
    pages: Pages
    store: HouseholdStore
    thread: StoreThread
    folder: Path
    log: QueryLog
    logins: Logins
    probes: Probes
    scan_resolvers: Callable[[], Awaitable[Assessment]]
    lists: Callable[[], ListsState]
    addresses: Callable[[], tuple[str, ...]]
    settings: Callable[[], Settings]
    updates: ListUpdater
    facts_updates: FactsUpdater
    targets: Targets
    damage: Callable[[], str]
    repair: Callable[[], Awaitable[None]]
    https: Callable[[], HttpsOffer] = HttpsOffer
    own_timers: OwnTimers = field(default_factory=OwnTimers)
    desk_over_http: bool = False
    try_push: Callable[[PushSubscription], Awaitable[PushResult]] | None = None
    trouble_of_upstream: Callable[[UpstreamAddress], str] = lambda _upstream: ""
    facts: Callable[[], Facts] = lambda: SHIPPED
    door: FamilyDoor | None = None
    first_box: FirstBox | None = None
    follows: Callable[[], FollowStatus] | None = None
    review_desk: ReviewDesk | None = None
    further_guardian_waits: int = 0
    family_warnings: Readiness = tuple

    @property
    def is_shared(self) -> bool:
        """Whether the machine is one for many households, and its lists, facts and settings are no
        family's to change."""
        return self.door is not None

    @property
    def has_macs_told(self) -> bool:
        """Whether a provider's routers tell the MAC addresses of devices."""
        return bool(self.settings().node.mac_networks)

    @property
    def offers_tokens(self) -> bool:
        """Whether a device can show a token here, by the settings."""
        told = self.settings().for_devices.encrypted
        return bool(told.name and (told.tls_port or told.https_port))

    @property
    def offers_digest(self) -> bool:
        """Whether a guardian may choose a weekly summary by email: at a provider, where it knows
        its own address and a mail server."""
        settings = self.settings()
        mails = mail_server_of(settings.events.notices)
        return not self.is_shared or bool(mails and settings.provider.pages)

    @property
    def desk_address(self) -> str:
        """The address of the dashboard in what is sent; it ends in a slash."""
        web = self.settings().web
        if self.is_shared:
            return f"{self.settings().provider.pages}guardian/"
        return desk_url(web.port, web.tls_port)

    def count_told_apart(self, household: Household) -> int | None:
        """Return how many devices a provider can tell from the rest of the line; None at home."""
        if not self.is_shared:
            return None
        return len(devices_told_apart(household, has_macs_told=self.has_macs_told))

    async def find_heard(self, household: Household) -> HeardApart | None:
        """Return which of the devices that can be told apart were, in the last week; None where
        that is not measured.  Raises StoreError."""
        if self.door is None or self.door.heard is None:
            return None
        days, now = await self.door.heard(household.id), self.now()
        recorded = {
            each.id
            for each in household.profiles
            if each.privacy_at(now) is not PrivacyMode.OFF  # of the others nothing is stored
        }
        apart = devices_told_apart(household, has_macs_told=self.has_macs_told)
        measured = [each for each in apart if each.profile in recorded]
        silent = tuple(each.name or each.id for each in measured if each.id not in days)
        return HeardApart(len(measured) - len(silent), silent)

    def rules_reach(self, household: Household, profile: Profile) -> RulesReach | None:
        """Return for which devices a person's rules hold; None at home, where it is for all."""
        if not self.is_shared:
            return None
        return find_reach(household, profile, has_macs_told=self.has_macs_told)

    def warnings_to_show(self) -> tuple[str, ...]:
        """Return what is wrong as pages tell it: of a machine for many, only what a family
        notices."""
        return self.family_warnings() if self.is_shared else self.warnings()

    @property
    def log_settings(self) -> LogSettings:
        """The settings of the log, with the days for which rows are kept in fact."""
        found = self.settings().log
        days = int(min(found.rows_days, self.log.most_rows_days))
        return found.model_copy(update={"rows_days": days})

    # --- what is in force ---

    def snapshot_of(self, household: Household) -> Snapshot:
        """Return a snapshot of a household as stored.

        It is the one in force, except for the tenth of a second after a change: so whoever changed
        something and looks sees what they did.
        """
        snapshot = self.snapshot()
        there = snapshot.households.get(household.id)
        if there is not None and there.revision == household.revision:
            return snapshot
        now, inputs = self.now(), self.policy_inputs()
        return build_snapshot(
            snapshot, snapshot.library, snapshot.defaults, [household], now, inputs
        )

    # --- what the lists in force say ---

    def addresses_for_others(self) -> tuple[str, ...]:
        """Return the addresses at which other machines can ask: none that only this one has."""
        return tuple(each for each in self.addresses() if not ip_address(each).is_loopback)

    def known_ids(self) -> KnownIds:
        """Return the ids that a household may refer to."""
        is_own = partial(is_copdns, own=self.addresses(), port=self.settings().dns.port)
        marked = self.settings().upstreams.filtering
        return replace(
            known_ids(self.snapshot().library),
            is_copdns=is_own,
            filters=lambda each: each in marked or is_known_to_filter(each),
        )

    def services(self) -> Services:
        """Return the names of the services that ship, by slug."""
        found = self.snapshot().library.services
        return {slug: each.matchers for slug, each in found.items()}

    def vouches(self) -> Vouch:
        """Return the function that finds names which no list may block."""
        return vouched_names(self.snapshot().library, bundled_presets().values())

    # --- what is stored, a subject each ---

    @property
    def appeals(self) -> AppealStore:
        return AppealStore(self.store)

    @property
    def ages(self) -> Ages:
        return Ages(self.thread)

    @property
    def digests(self) -> Digests:
        return Digests(self.thread)

    @property
    def consents(self) -> Consents:
        return Consents(self.thread)

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.thread)

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.thread)

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.thread)

    @property
    def pairings(self) -> Pairings:
        return Pairings(self.thread)

    @property
    def account_codes(self) -> AccountCodes:
        return AccountCodes(self.thread)

    @property
    def claims(self) -> Claims:
        return Claims(self.thread)

    @property
    def other_homes(self) -> OtherHomes:
        return OtherHomes(self.thread)

    @property
    def pins(self) -> Pins:
        return Pins(self.thread)

    @property
    def guests(self) -> Guests:
        return Guests(self.thread)

    @property
    def looks(self) -> Looks:
        return Looks(self.thread)

    @property
    def notices(self) -> Notices:
        return Notices(self.thread)

    @property
    def proposals(self) -> Proposals:
        return Proposals(self.thread)

    @property
    def setups(self) -> Setups:
        return Setups(self.thread)


PARTS = web.AppKey("parts", AppContext)


def childs_page(request: web.Request) -> str:
    """Return the address of the child's page; at a provider, where no name of a home leads to it,
    that of the families' site, as it was reached."""
    context = context_of(request)
    return f"{request.url.origin()}/" if context.is_shared else context.pages.door


def https_origin(request: web.Request) -> str:
    """Return where this page is over HTTPS, such as "https://copdns.home.arpa:8443"; "" where there
    is no HTTPS."""
    port = context_of(request).https().port
    return f"{request.url.origin().with_scheme('https').with_port(port)}" if port else ""


def context_of(request: web.Request) -> AppContext:
    """Return what pages and operations work with; the same for all requests of an application."""
    return request.app[PARTS]
