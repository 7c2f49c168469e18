"""Look now and then whether all is as it should be: nothing blocks a help site, and the safe hosts
of search engines are there.

Each day it is decided for everybody about each help name, as if it were asked.  Each week the usual
upstreams are asked for the safe hosts in use, without which an engine does not work.  What is wrong
is looked at again after an hour; only what is still wrong then is told.  No help name is told,
logged or sent anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping

import structlog

from copdns.app.alarms import DAY, HOUR, Alarm
from copdns.app.background import in_slices
from copdns.dns.connections import HostLookup
from copdns.dns.exchange import Asks
from copdns.dns.message import UpstreamResponse
from copdns.dns.records import A
from copdns.lists.catalogue import Engine
from copdns.model.errors import NXDOMAIN
from copdns.model.events import EventKind, TroubleEvent
from copdns.model.household import Profile
from copdns.model.matchers import MatchKind
from copdns.policy.decide import decide
from copdns.policy.snapshot import Snapshot
from copdns.time.clock import Moment

log = structlog.get_logger("copdns")

WEEK = 7 * DAY
UNSAFE = (
    "safe search does not work for %s, because the DNS servers do not know the safe host; use "
    "other DNS servers, or turn safe search off for it"
)
BLOCKED = (
    "help sites that would be blocked for someone, although nothing may block them: %d; restart "
    "copdns, and if this stays, report it"
)


def safe_hosts(engines: Mapping[str, Engine], profiles: Iterable[Profile]) -> dict[str, str]:
    """Return the safe hosts that profiles use, each with the title of its engine."""
    chosen = {pair for each in profiles for pair in each.safe_search}
    return {
        engines[engine].modes[mode]: engines[engine].title
        for engine, mode in sorted(chosen)
        if engine in engines and mode in engines[engine].modes
    }


def count_blocked(snapshot: Snapshot, now: float) -> Generator[None, None, int]:
    """Return how many help names are blocked for one profile or more; a step for each decision."""
    blocked = set()
    for matcher in snapshot.library.help_names:
        below = matcher.match is MatchKind.BELOW
        name = f"www.{matcher.name}" if below else matcher.name
        for _, policy in snapshot.policies.values():
            if decide(policy, name, A, now).blocks:
                blocked.add(name)
            yield
    return len(blocked)


class SelfTest:
    """What was found last.

    blocked: how many help names would be blocked.  unsafe: titles of engines without a safe host.
    """

    def __init__(
        self,
        upstreams: Asks,
        snapshot: Callable[[], Snapshot],
        clock: Callable[[], Moment],
        publish: Callable[[TroubleEvent], None],
    ) -> None:
        self.blocked = 0
        self.unsafe: tuple[str, ...] = ()
        self._upstreams = upstreams
        self._snapshot = snapshot
        self._clock = clock
        self._publish = publish
        self._alarm = Alarm(EventKind.SELF_TEST_TROUBLE, EventKind.SELF_TEST_WELL, HOUR)
        self._names_at = self._hosts_at = clock().mono + HOUR  # upstreams may come late at a start

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what is wrong, for people."""
        found = [UNSAFE % ", ".join(self.unsafe)] if self.unsafe else []
        return (*found, BLOCKED % self.blocked) if self.blocked else tuple(found)

    async def run_once(self) -> None:
        """Look at what is due."""
        now = self._clock()
        if now.mono < min(self._names_at, self._hosts_at):
            return
        if now.mono >= self._names_at:
            self.blocked = await in_slices(count_blocked(self._snapshot(), now.wall))
            self._names_at = now.mono + (HOUR if self.blocked else DAY)
        if now.mono >= self._hosts_at:
            found = await self._find_unsafe()
            self._hosts_at = now.mono + (HOUR if found is None or found else WEEK)
            self.unsafe = self.unsafe if found is None else found
        event = self._alarm.check(bool(self.warnings), now)
        if event is not None:
            log.info("the test of copdns itself", blocked=self.blocked, unsafe=[*self.unsafe])
            self._publish(event)

    async def _find_unsafe(self) -> tuple[str, ...] | None:
        """Return the engines whose safe host is not there; None where the upstreams do not say."""
        snapshot = self._snapshot()
        profiles = (each for home in snapshot.households.values() for each in home.profiles)
        hosts = safe_hosts(snapshot.library.engines, profiles)
        answers = await asyncio.gather(*map(self._ask, hosts))
        pairs = list(zip(hosts.values(), answers, strict=True))
        gone = tuple(dict.fromkeys(title for title, each in pairs if each and _is_gone(each)))
        return gone if gone or all(each and each.rcode == 0 for each in answers) else None

    async def _ask(self, host: str) -> UpstreamResponse | None:
        came: asyncio.Future[UpstreamResponse | None] = asyncio.get_running_loop().create_future()

        def take(answer: UpstreamResponse | None) -> None:
            if not came.done():  # who waited may have been cancelled
                came.set_result(answer)

        self._upstreams.ask(HostLookup(host, A, take, zone=""))
        return await came


def _is_gone(answer: UpstreamResponse) -> bool:
    return answer.rcode == NXDOMAIN or answer.facts.is_filtered
