"""Choose which upstream is asked next, and what is done with what it says.

`dns/upstream_queries.py` sends and waits, `dns/upstream_message.py` has the octets.  Pure: `mono`
is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum
from math import inf
from typing import Final, Protocol

from copdns.dns.client_subnet import network_of_zone, subnet_option
from copdns.dns.cookies import opt_with_cookie
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import UDP_SIZE, CacheKey
from copdns.dns.records import DO, RCODE
from copdns.dns.upstream_message import BARE, FULL, NO_EDNS, OPT_DO, OPT_PLAIN, question_of
from copdns.model.build import mypyc_attr
from copdns.model.errors import FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from copdns.model.names import to_wire

BACKOFF: Final = 5.0  # seconds after a failure for which an upstream is asked last
MAX_BACKOFF: Final = 60.0  # it grows with each failure, up to this
PROBE_LEAD: Final = 1.0  # seconds before a backoff ends at which the upstream is probed
NO_EDNS_FOR: Final = 600.0  # seconds that an upstream which cannot do EDNS is asked without
POOR_ANSWERS: Final = 3  # in a row, after which an upstream is asked with less for a while
MAX_WITHOUT_COOKIE: Final = 10  # responses in a row, after which an upstream may send none
MAX_ATTEMPTS: Final = 4  # of one query, over all upstreams
DOWN_AFTER: Final = 3  # failures in a row: fewer may be one slow name


class Health:
    """What is known of one upstream.

    label: its name in metrics and log: its place in the settings, from 1.
    filtering: known to block with made-up addresses.  trusted: its AD bit may be believed
        (RFC 4035 section 4.9.3).  encrypted: what is sent to it cannot be read on the way.
    rtt: smoothed seconds from query to response; 0 before the first.
    failures: in a row.  failed_at, backoff_until: when it failed last, and until when it is asked
        last; no_edns_until: until when it is asked without EDNS.  Monotonic seconds.
    bare_until: until when it is asked with an OPT record of 512 octets and without options;
        poor_answers: how many queries in a row it answered only when they were sent again so.
    randomizes_case: queries to it have their letters' case drawn by lot (0x20).
    cookie, server_cookie: ours for it, and the one that it sent (RFC 7873); b"" for none.
    without_cookie: how many responses in a row came without ours, though it had sent one.
    opt_plain, opt_do: the OPT record of a query with all that it should have.
    subnet: the option that tells our network (RFC 7871), forwards_subnet: it is told that of a
        device; b"" and False for nothing, as by default.
    """

    __slots__ = (
        "backoff_until",
        "bare_until",
        "cookie",
        "encrypted",
        "failed_at",
        "failures",
        "filtering",
        "forwards_subnet",
        "label",
        "no_edns_until",
        "opt_do",
        "opt_plain",
        "poor_answers",
        "randomizes_case",
        "rtt",
        "server_cookie",
        "subnet",
        "trusted",
        "without_cookie",
    )

    def __init__(self, label: str = "", *, filtering: bool = False, trusted: bool = False) -> None:
        self.label = label
        self.filtering = filtering
        self.trusted = trusted
        self.encrypted = False
        self.rtt = 0.0
        self.failures = 0
        self.failed_at = 0.0
        self.backoff_until = 0.0
        self.randomizes_case = True
        self.no_edns_until = 0.0
        self.bare_until = 0.0
        self.poor_answers = 0
        self.cookie = b""
        self.server_cookie = b""
        self.without_cookie = 0
        self.opt_plain = OPT_PLAIN
        self.opt_do = OPT_DO
        self.subnet = b""
        self.forwards_subnet = False

    @property
    def cookies(self) -> bytes:
        """Ours for it and the one that it sent, in one; b"" for none."""
        return self.cookie + self.server_cookie

    @property
    def knows_subnets(self) -> bool:
        """Whether it is told of a network."""
        return self.forwards_subnet or self.subnet != b""

    def subnet_for(self, exchange: Exchange) -> bytes:
        """Return the option that tells the network of a query; b"" for nothing.

        Of names that nobody may block nothing is told: help names are among them.
        """
        if exchange.protected or exchange.untraced:
            return b""
        if not self.forwards_subnet:
            return self.subnet
        network = network_of_zone(exchange.key.zone)
        return b"" if network is None else subnet_option(network)

    @property
    def is_down(self) -> bool:
        return self.failures >= DOWN_AFTER

    def note_answer(self, rtt: float) -> None:
        """Note a response, which ends the backoff.

        rtt: seconds, averaged as TCP does it (RFC 6298 section 2).
        """
        self.rtt = rtt if not self.rtt else self.rtt * 0.875 + rtt * 0.125
        self.failures = 0
        self.backoff_until = 0.0

    def note_failure(self, mono: float, sent_at: float) -> None:
        """Note that a query got no response.

        Queries that were sent before the last noted failure are part of that one.
        """
        if sent_at < self.failed_at:
            return
        self.failures += 1
        self.failed_at = mono
        self.backoff_until = mono + min(BACKOFF * self.failures, MAX_BACKOFF)

    def set_cookies(self, client: bytes, server: bytes) -> None:
        """Send these cookies from now on.  server: b"" until the upstream has sent one."""
        self.cookie, self.server_cookie = client, server
        self.opt_plain = opt_with_cookie(UDP_SIZE, 0, client + server)
        self.opt_do = opt_with_cookie(UDP_SIZE, DO, client + server)

    def note_missing_cookie(self) -> None:
        """Note a response without our cookie; after a row of them, expect none any more.

        So many in a row nobody forges: each has a random port, ID and spelling.
        """
        self.without_cookie += 1
        if self.without_cookie >= MAX_WITHOUT_COOKIE:
            self.without_cookie = 0
            self.set_cookies(self.cookie, b"")

    def level_for(self, exchange: Exchange, mono: float) -> int:
        """Return what of EDNS a query gets: FULL, BARE or NO_EDNS."""
        if exchange.no_edns_at is self or mono < self.no_edns_until:
            return NO_EDNS
        if exchange.bare_at is self or mono < self.bare_until:
            return BARE
        return FULL if exchange.silences == 0 else BARE if exchange.silences == 1 else NO_EDNS

    def note_level(self, level: int, silences: int, mono: float) -> None:
        """Note with what an upstream answered, where it was silent to more.

        Datagrams get lost anyway, so it takes `POOR_ANSWERS` in a row to learn from that.
        silences: how often all upstreams were silent before.
        """
        if level == FULL:
            self.poor_answers = 0
        elif silences:
            self.poor_answers += 1
            if self.poor_answers >= POOR_ANSWERS:
                self.poor_answers = 0
                if level == NO_EDNS:
                    self.no_edns_until = mono + NO_EDNS_FOR
                else:
                    self.bare_until = mono + NO_EDNS_FOR

    def is_probe_due(self, mono: float) -> bool:
        """Tell whether it should be asked in the background if it works again.

        That is a little before its backoff ends, so that no query has to find out.
        """
        return self.failures > 0 and mono >= self.backoff_until - PROBE_LEAD

    def begin_probe(self, mono: float, attempt: float) -> None:
        """Prolong the backoff until the probe that is sent now has failed or was answered.

        attempt: seconds that the probe may take.
        """
        self.backoff_until = max(self.backoff_until, mono + attempt + 2 * PROBE_LEAD)

    def decay_rtt(self) -> None:
        """Lower the figure of an upstream that lost to a faster one, so that it is tried again."""
        self.rtt *= 0.998


@mypyc_attr(acyclic=True)
class Exchange:
    """One query to upstreams, over all its attempts; who asks it says in a subclass what follows.

    question: in wire form and lower case.
    deadline: when the query is given up; until: when it is sent again if nothing comes.
    protected: an upstream that filters the name is passed over.
    untraced: a help name: no counter and no health figure may change.
    is_done: it was answered, or given up.
    attempts: how often it was sent.  sent_at, upstream: when, and to which, the last time.
    refused_by: upstreams that are not asked again.
    no_edns_at, bare_at, lowercased_at: the upstream that seems not to speak EDNS, not to bear its
        options, or to lower-case names.
    bad_cookie_at: the upstream that did not know its own cookie, and has sent another.
    silences: how often all upstreams were silent; each time they are asked with less.
    fallback: the least bad response so far.
    is_doubled: it was slow, so a second upstream was asked beside the first; once in its life.
    beside, beside_sent_at: the first one, for as long as its answer is still waited for, and when
        it was asked.
    """

    __slots__ = (
        "attempts",
        "bad_cookie_at",
        "bare_at",
        "beside",
        "beside_sent_at",
        "deadline",
        "fallback",
        "is_done",
        "is_doubled",
        "key",
        "lowercased_at",
        "no_edns_at",
        "protected",
        "question",
        "refused_by",
        "sent_at",
        "silences",
        "until",
        "untraced",
        "upstream",
    )

    def __init__(
        self,
        key: CacheKey,
        *,
        question: bytes = b"",
        protected: bool = False,
        untraced: bool = False,
        deadline: float = inf,
    ) -> None:
        """question: the key's, in wire form and in lower case; b"" makes it anew."""
        self.key = key
        self.question = question or question_of(to_wire(key.qname), key.qtype)
        self.deadline = deadline
        self.protected = protected
        self.untraced = untraced
        self.is_done = False
        self.attempts = 0
        self.sent_at = 0.0
        self.until = 0.0
        self.upstream: Health | None = None
        self.refused_by: tuple[Health, ...] = ()
        self.no_edns_at: Health | None = None
        self.bare_at: Health | None = None
        self.bad_cookie_at: Health | None = None
        self.lowercased_at: Health | None = None
        self.silences = 0
        self.fallback: UpstreamResponse | None = None
        self.is_doubled = False
        self.beside: Health | None = None
        self.beside_sent_at = 0.0

    def take_response(self, answer: UpstreamResponse | None) -> None:
        """Take what came of the query; None: nobody answered.  Called once."""
        raise NotImplementedError


class Asks(Protocol):
    """Whatever asks upstreams; `UpstreamClient` is one."""

    def ask(self, exchange: Exchange, /) -> None:
        """Ask for what an exchange is about; it gets the response after this has returned."""
        ...


def choose_upstream(
    exchange: Exchange, upstreams: Collection[Health], mono: float, fastest: bool = False
) -> Health | None:
    """Return the best upstream that has not refused: of those that work the first, then the one
    whose backoff ends first, since an upstream in backoff is better than no response.

    fastest: of those that work not the first, but the one that answers soonest.
    None: none is left, or the attempts or the time are used up.
    """
    if exchange.attempts >= MAX_ATTEMPTS or mono >= exchange.deadline:
        return None
    refused = exchange.refused_by
    best, shortest = None, 0.0
    for each in upstreams:
        if refused and each in refused:
            continue
        wait = max(each.backoff_until - mono, 0.0)
        if (
            best is None
            or wait < shortest
            or (fastest and wait == shortest and each.rtt < best.rtt)
        ):
            best, shortest = each, wait
            if not (fastest or wait):
                return best
    if fastest and not exchange.untraced and len(upstreams) > 1:
        for each in upstreams:
            if each is not best and each not in refused:
                each.decay_rtt()
    return best


def choose_second(
    exchange: Exchange, upstreams: Iterable[Health], mono: float, fastest: bool = False
) -> Health | None:
    """Return who is asked beside an upstream that is slow; None where nobody should be.

    Only one that works, and that is like the first: beside one that does not filter, one that does
    would often win the race, and clear text beside an encrypted query would undo that.
    """
    first = exchange.upstream
    if first is None:
        return None
    alike = [
        each
        for each in upstreams
        if each is not first
        and each.backoff_until <= mono
        and each.filtering == first.filtering
        and each.encrypted == first.encrypted
    ]
    return choose_upstream(exchange, alike, mono, fastest)


class NextAction(Enum):
    """What to do with a response."""

    GIVE = "give"
    ASK_PLAIN = "ask without EDNS"
    ASK_BARE = "ask without options"
    ASK_OTHER = "ask another upstream"


_GOOD: Final = frozenset({0, NXDOMAIN})
_USELESS: Final = frozenset({FORMERR, SERVFAIL, NOTIMP, REFUSED})


def next_action(
    answer: UpstreamResponse,
    *,
    edns: bool,
    protected: bool,
    filtering: bool = False,
    doubtful: bool = False,
    full: bool = False,
) -> NextAction:
    """Return what to do with a response.

    edns: the query had EDNS; full: with options.  protected: a name that nobody may block, so the
    response of an upstream that filters it does not count.  filtering: the upstream is known to
    filter.
    doubtful: an address was asked for, and another upstream can be asked (`has_another`): of two
    that differ about a protected name, the one with an address is right, since a filter may say
    nothing, or that the name does not exist.
    """
    if answer.rcode in _GOOD and not (protected or answer.is_truncated):
        return NextAction.GIVE
    if edns and not answer.has_edns and answer.rcode in (FORMERR, NOTIMP):
        return NextAction.ASK_PLAIN  # RFC 6891 section 7
    if full and answer.has_edns and answer.rcode == FORMERR:
        return NextAction.ASK_BARE  # it speaks EDNS, and cannot read our option
    if answer.rcode in _USELESS or answer.rcode > RCODE or answer.is_truncated:
        return NextAction.ASK_OTHER
    if protected and (
        _looks_blocked(answer, filtering) or (doubtful and not answer.facts.addresses)
    ):
        return NextAction.ASK_OTHER
    return NextAction.GIVE


def has_another(
    exchange: Exchange, answered: Health, upstreams: Iterable[Health], mono: float
) -> bool:
    """Tell whether an upstream that works may still answer; one in backoff is not waited for.

    answered: the one whose response came.
    """
    if exchange.beside is not None and exchange.beside is not answered:
        return True
    return any(
        each is not answered and each not in exchange.refused_by and each.backoff_until <= mono
        for each in upstreams
    )


def better_response(
    before: UpstreamResponse | None, answer: UpstreamResponse | None
) -> UpstreamResponse | None:
    """Return the better one of two responses that do not do, the later where they are alike."""
    if before is None or answer is None:
        return answer or before
    return answer if _rank(answer) >= _rank(before) else before


def is_usable(answer: UpstreamResponse | None) -> bool:
    """Tell whether a response would do if no other came."""
    return (
        answer is not None and answer.rcode in _GOOD and not _looks_blocked(answer, filtering=False)
    )


def _rank(answer: UpstreamResponse) -> tuple[bool, bool, bool]:
    facts = answer.facts
    return answer.rcode in _GOOD, not facts.is_filtered, bool(facts.addresses)


def _looks_blocked(answer: UpstreamResponse, filtering: bool) -> bool:
    """Tell whether an upstream may have blocked a name.

    Home addresses are those of block pages, or null.  From an upstream that is known to filter,
    NODATA and NXDOMAIN may be blocks too.  A wrong guess costs one more query.
    """
    if answer.facts.is_filtered or answer.facts.home_addresses:
        return True
    return filtering and not answer.section_counts[0]
