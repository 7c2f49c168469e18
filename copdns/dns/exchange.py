"""Choose: which upstream next, how to ask it, and whether what came is an answer.

The waiting is in `dns/upstream.py`.  Pure: clocks are monotonic seconds, chance comes as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from enum import Enum

from copdns.dns.message import UpstreamResponse
from copdns.dns.records import AD, CD, COUNTS_FORMAT, DO, HEADER_SIZE, OPT, QR, RCODE, RD, TC
from copdns.dns.wire import UDP_SIZE, CacheKey
from copdns.model.errors import FORMERR, NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from copdns.model.names import to_wire

BACKOFF = 5.0  # seconds that an upstream is asked last after it failed
MAX_BACKOFF = 60.0  # it grows with each failure, up to this
NO_EDNS_FOR = 600.0  # seconds that an upstream which cannot do EDNS is asked without
MAX_ATTEMPTS = 4  # of one question, over all upstreams
DOWN_AFTER = 3  # failures in a row: no single slow name any more, but the upstream

Done = Callable[[UpstreamResponse | None], None]

_LETTERS = bytes(0x20 if 97 <= octet <= 122 else 0 for octet in range(256))


class Health:
    """What is known of one upstream.

    label: how metrics and messages call it: its place in the settings, from 1.
    filtering: known to block by made-up addresses.  trusted: its "authenticated data" may be
        believed (RFC 4035 section 4.9.3).
    rtt: smoothed seconds from question to answer; 0 before the first.  failures: in a row.
    mixes_case: questions to it have their letters' case drawn by lot.
    plain_until: it is asked without EDNS as long.
    """

    __slots__ = (
        "backoff_until",
        "failed_at",
        "failures",
        "filtering",
        "label",
        "no_edns_until",
        "randomizes_case",
        "rtt",
        "trusted",
    )

    def __init__(self, label: str = "", *, filtering: bool = False, trusted: bool = False) -> None:
        self.label = label
        self.filtering = filtering
        self.trusted = trusted
        self.rtt = 0.0
        self.failures = 0
        self.failed_at = 0.0
        self.backoff_until = 0.0
        self.randomizes_case = True
        self.no_edns_until = 0.0

    @property
    def is_down(self) -> bool:
        return self.failures >= DOWN_AFTER

    def note_answer(self, rtt: float) -> None:
        """Note an answer, by which failures and rest are over.

        rtt: seconds, averaged as TCP does it (RFC 6298 section 2).
        """
        self.rtt = rtt if not self.rtt else self.rtt * 0.875 + rtt * 0.125
        self.failures = 0
        self.backoff_until = 0.0

    def note_failure(self, now: float, sent_at: float) -> None:
        """Note that a question got no answer.

        Those that were under way together when that was noted first say nothing new.
        """
        if sent_at < self.failed_at:
            return
        self.failures += 1
        self.failed_at = now
        self.backoff_until = now + min(BACKOFF * self.failures, MAX_BACKOFF)

    def decay_rtt(self) -> None:
        """Let an upstream that lost against a faster one be tried again some day."""
        self.rtt *= 0.998


def by_preference(upstreams: Iterable[Health], now: float) -> list[Health]:
    """Return upstreams, the best first: those that work, by speed, then the longest rested.

    Nobody is left out: an upstream that rests is better than no answer.
    """
    return sorted(upstreams, key=lambda each: (max(each.backoff_until - now, 0.0), each.rtt))


class Exchange:
    """One question on its way.

    question: as it stands in a message, in lower case.
    done: is told the answer, or None, once; None after that.  deadline: when it is given up.
    protected: a name that nobody may filter.  quiet: it leaves no trace, not even in counters
        or in an upstream's health.
    attempts: how often it was sent.  sent_at, upstream: when and to whom the last time; number:
        of that attempt, among all that were made; until: when it is sent again, if nothing came.
    refused_by: those that will not be asked again.
    plain, lowers: the one that seems not to speak EDNS, or not to keep the case of letters.
    fallback: an answer that will do when no better one comes.
    """

    __slots__ = (
        "attempts",
        "deadline",
        "fallback",
        "key",
        "lowercased_at",
        "no_edns_at",
        "number",
        "on_response",
        "protected",
        "question",
        "refused_by",
        "sent_at",
        "until",
        "untraced",
        "upstream",
    )

    def __init__(
        self,
        key: CacheKey,
        done: Done,
        deadline: float,
        *,
        question: bytes = b"",
        protected: bool = False,
        quiet: bool = False,
    ) -> None:
        self.key = key
        self.question = question or question_of(to_wire(key.qname), key.qtype)
        self.on_response: Done | None = done
        self.deadline = deadline
        self.protected = protected
        self.untraced = quiet
        self.attempts = 0
        self.number = 0
        self.sent_at = 0.0
        self.until = 0.0
        self.upstream: Health | None = None
        self.refused_by: list[Health] = []
        self.no_edns_at: Health | None = None
        self.lowercased_at: Health | None = None
        self.fallback: UpstreamResponse | None = None

    @property
    def is_done(self) -> bool:
        return self.on_response is None


def choose_upstream(asking: Exchange, upstreams: Collection[Health], now: float) -> Health | None:
    """Return who is asked next: the best that has not refused; None when nobody is left or it
    has been tried often or long enough."""
    if asking.attempts >= MAX_ATTEMPTS or now >= asking.deadline:
        return None
    left = upstreams
    if asking.refused_by:
        left = [each for each in upstreams if each not in asking.refused_by]
    if len(left) < 2:
        return next(iter(left), None)
    best, *others = by_preference(left, now)
    if not asking.untraced:
        for each in others:
            each.decay_rtt()
    return best


def lowercase_question(question: bytes) -> bytes:
    """Return a question, as it stands in a message, with its name in lower case.

    A label's length is at most 63, so that none looks like a letter.
    """
    return question[:-4].lower() + question[-4:]


def question_of(qname_wire: bytes, qtype: int) -> bytes:
    """Return a question as it stands in a message, class IN."""
    return qname_wire + qtype.to_bytes(2, "big") + b"\x00\x01"


def randomize_case(question: bytes, chance: bytes) -> bytes:
    """Return a question with the case of its letters drawn by lot.

    A forged answer must then guess them too.  question: in lower case; chance: as many octets.
    """
    name = question[:-4]
    size = len(name)
    letters = int.from_bytes(name.translate(_LETTERS), "big")
    flips = letters & int.from_bytes(chance[:size], "big")
    mixed: int = int.from_bytes(name, "big") ^ flips
    return mixed.to_bytes(size, "big") + question[-4:]


def build_query(question: bytes, *, do: bool, cd: bool, edns: bool) -> bytes:
    """Return a query without its ID.

    AD asks the upstream to say whether data is authenticated (RFC 6840 section 5.7).
    """
    head = _HEADS[cd, edns] + question
    return head + (_OPT_DO if do else _OPT_PLAIN) if edns else head


def _opt(ttl: int) -> bytes:
    return b"\0" + b"".join(
        number.to_bytes(size, "big") for number, size in ((OPT, 2), (UDP_SIZE, 2), (ttl, 4), (0, 2))
    )


_OPT_PLAIN, _OPT_DO = _opt(0), _opt(DO)
_HEADS = {
    (cd, edns): COUNTS_FORMAT.pack(RD | AD | (CD if cd else 0), 1, 0, 0, int(edns))
    for cd in (False, True)
    for edns in (False, True)
}


class Match(Enum):
    """Whether a datagram belongs to a question."""

    NO = "no"
    YES = "yes"
    LOWERED = "lowered"  # the right question, but not in the letters that were sent


def match_response(datagram: bytes, sent: bytes) -> Match:
    """Compare a datagram's question with the one sent (RFC 5452 section 9.1).

    The ID and the addresses were compared before: they are how the datagram was found.
    """
    if len(datagram) < HEADER_SIZE + len(sent) or not datagram[2] & (QR >> 8):
        return Match.NO
    if datagram.startswith(sent, HEADER_SIZE):
        return Match.YES
    got = datagram[HEADER_SIZE : HEADER_SIZE + len(sent)]
    return Match.LOWERED if lowercase_question(got) == lowercase_question(sent) else Match.NO


class NextAction(Enum):
    """What to do with an answer that came."""

    GIVE = "give"
    ASK_PLAIN = "ask without EDNS"
    ASK_OTHER = "ask another upstream"


_GOOD = frozenset({0, NXDOMAIN})
_USELESS = frozenset({FORMERR, SERVFAIL, NOTIMP, REFUSED})


def next_action(
    answer: UpstreamResponse, *, edns: bool, protected: bool, filtering: bool = False
) -> NextAction:
    """Return what follows an answer.

    edns: it was asked with EDNS.  protected: a name that nobody may block, so an upstream that
    filters it will not do.  filtering: the upstream is known to filter.
    """
    if answer.rcode in _GOOD and not (protected or answer.is_truncated):
        return NextAction.GIVE
    if edns and not answer.has_edns and answer.rcode in (FORMERR, NOTIMP):
        return NextAction.ASK_PLAIN  # RFC 6891 section 7
    if answer.rcode in _USELESS or answer.rcode > RCODE or answer.is_truncated:
        return NextAction.ASK_OTHER
    if protected and _looks_blocked(answer, filtering):
        return NextAction.ASK_OTHER
    return NextAction.GIVE


def _looks_blocked(answer: UpstreamResponse, filtering: bool) -> bool:
    """Tell whether an upstream may have blocked a name.

    Addresses of the home are those of block pages, or null ones.  From an upstream that is known
    to filter, "nothing" and "no such name" may be blocks too.  Wrong guesses cost a question.
    """
    if answer.facts.is_filtered or answer.facts.home_addresses:
        return True
    return filtering and not answer.section_counts[0]


def header_rcode(datagram: bytes) -> int:
    """Return the rcode of a datagram's header alone."""
    return int(COUNTS_FORMAT.unpack_from(datagram, 2)[0]) & RCODE


def is_truncated(datagram: bytes) -> bool:
    """Tell whether the rest has to be fetched over TCP; the records may end anywhere."""
    return bool(datagram[2] & (TC >> 8))


def is_bare_error(datagram: bytes) -> bool:
    """Tell whether this is what servers without EDNS send: a header, and no question."""
    is_response = bool(datagram[2] & (QR >> 8))
    return (
        len(datagram) == HEADER_SIZE and is_response and header_rcode(datagram) in (FORMERR, NOTIMP)
    )
