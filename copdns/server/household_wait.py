"""Put queries aside whose household is not read yet, and answer them when it is.

As with a device that is not known yet, nobody gets the rules of somebody else meanwhile.  Help
names pass for everybody, so these do not wait.  How many wait, and for how long, has a bound; what
is beyond gets SERVFAIL, so that the forwarder before us answers by what it knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from copdns.dns.bug_log import BugLog
from copdns.dns.query import Query, read_query_body, with_tcp_size
from copdns.dns.wire import empty_reply, error_reply
from copdns.model.errors import SERVFAIL, NotAQueryError, WireError
from copdns.model.reasons import NOT_READY, Ede
from copdns.model.verdict import Action, Requestor
from copdns.policy.decide import decide_query
from copdns.policy.subscribers import NOBODYS
from copdns.server.answer import Resolver
from copdns.server.hooks import NO_REPLY
from copdns.server.pending_query import SendReply
from copdns.time.clock import Moment

MAX_AWAITED: Final = 10_000  # queries
MAX_OF_ONE: Final = 100  # of one household, so that none takes the places of all
PATIENCE: Final = 1.5  # seconds; a client asks again after two or more
_EDE: Final = Ede(NOT_READY, "the rules of this household are being read")


class _Awaiting(NamedTuple):
    """until: monotonic seconds."""

    message: bytes
    query: Query
    requestor: Requestor
    send_reply: SendReply
    reply_to: Any
    until: float


class AwaitedHouseholds:
    """The queries that wait, by household."""

    def __init__(self, resolver: Resolver, clock: Callable[[], Moment]) -> None:
        self._resolver = resolver
        self._clock = clock
        self._waiting: dict[str, list[_Awaiting]] = {}
        self._count = 0
        self._bugs = BugLog()
        resolver.put_aside = self.put_aside

    def __len__(self) -> int:
        return self._count

    @property
    def households(self) -> tuple[str, ...]:
        """Those that somebody waits for."""
        return tuple(self._waiting)

    def put_aside(
        self, message: bytes, requestor: Requestor, send_reply: SendReply, reply_to: Any
    ) -> bytes | None:
        """Return None for a query that waits now, else what is to be sent at once."""
        try:
            query = read_query_body(message[2:])
        except NotAQueryError:
            return NO_REPLY
        except WireError as error:
            return error_reply(message, error)
        sized = query if requestor.transport == "udp" else with_tcp_size(query)
        moment = self._clock()
        nobodys = replace(requestor, household=NOBODYS)
        policy = self._resolver.snapshot.identify(nobodys).policy
        verdict = decide_query(policy, query.qname, query.qtype, moment.wall)
        if verdict.action is not Action.REFUSE:
            return self._resolver.answer(message, nobodys, moment, send_reply, reply_to)
        of_it = len(self._waiting.get(requestor.household, ()))
        if self._count >= MAX_AWAITED or of_it >= MAX_OF_ONE:
            return _not_ready(message, sized)
        until = moment.mono + PATIENCE
        waiting = _Awaiting(message, sized, requestor, send_reply, reply_to, until)
        self._waiting.setdefault(requestor.household, []).append(waiting)
        self._count += 1
        return None

    def answer(self, household: str) -> None:
        """Answer what waits for a household that is read by now."""
        waiting = self._waiting.pop(household, [])
        self._count -= len(waiting)
        moment = self._clock()
        for each in waiting:
            reply = self._resolver.answer(
                each.message, each.requestor, moment, each.send_reply, each.reply_to
            )
            if reply:
                self._send(each, reply)

    def give_up(self) -> None:
        """Answer what waited too long with SERVFAIL."""
        now = self._clock().mono
        for household, waiting in list(self._waiting.items()):
            late = [each for each in waiting if each.until <= now]
            if not late:
                continue
            self._count -= len(late)
            self._waiting[household] = [each for each in waiting if each.until > now]
            if not self._waiting[household]:
                del self._waiting[household]
            for each in late:
                self._send(each, _not_ready(each.message, each.query))

    def give_up_on(self, household: str) -> None:
        """Answer what waits for a household that cannot be read now with SERVFAIL."""
        waiting = self._waiting.pop(household, [])
        self._count -= len(waiting)
        for each in waiting:
            self._send(each, _not_ready(each.message, each.query))

    def _send(self, waiting: _Awaiting, reply: bytes) -> None:
        try:
            waiting.send_reply(reply, waiting.reply_to)
        except Exception as error:  # noqa: BLE001 - a bug met by one query must harm no other
            self._bugs.note("sending a reply that waited for a household", error)


def _not_ready(message: bytes, query: Query) -> bytes:
    return empty_reply(message[:2], query, SERVFAIL, _EDE)
