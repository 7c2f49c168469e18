"""Answers for help names, in a store of their own: the same whoever asked, and whether anybody did.

The program asks for these names itself (`server/help_rounds.py`), and only what it got is here: a
query changes nothing.  So neither the time that a reply takes nor what is in it tells that someone
looked for help, and help resolves for a week without any upstream.  For the same reason a get
always costs the same: an answer is read from its octets each time.

Pure: `wall` is epoch seconds.  The file that it goes into is written by `app/help_chores.py`.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from copdns.dns.cache import CacheEntry
from copdns.dns.message import UpstreamResponse, read_response
from copdns.dns.query import CacheKey
from copdns.dns.records import (
    AAAA,
    AD,
    COUNTS_FORMAT,
    HEADER_SIZE,
    HTTPS,
    QR,
    RA,
    RD,
    A,
    skip_name,
)
from copdns.dns.upstream_message import question_of
from copdns.model.errors import HelpAnswersError, WireError
from copdns.model.matchers import Matcher, MatchKind
from copdns.model.names import from_wire, to_wire

# Seconds; of every record of a help name, fetched before or just now.  As short as for any answer
# that may be old (RFC 8767 section 4).
HELP_TTL: Final = 30
KEPT_FOR: Final = 7 * 86_400  # seconds
HELP_TYPES: Final = (A, AAAA, HTTPS)

_MAGIC: Final = b"copdns help answers 1\n"
_DIGEST_SIZE: Final = 32
_HEAD: Final = struct.Struct("!QBH")  # when it was fetched, whether with DO, octets of the message


class HelpKey(NamedTuple):
    """One of the questions that the program asks by itself.  do: with signatures (DNSSEC)."""

    qname: str
    qtype: int
    do: bool


def help_keys(names: Iterable[Matcher]) -> tuple[HelpKey, ...]:
    """Return all questions about help names: each name and its `www.`, every type of `HELP_TYPES`.

    Names that a matcher does not cover are left out.
    """
    found: dict[str, None] = {}
    for matcher in names:
        if matcher.match is not MatchKind.BELOW:
            found[matcher.name] = None
        if matcher.match is not MatchKind.EXACT and not matcher.name.startswith("www."):
            found[f"www.{matcher.name}"] = None
    return tuple(
        HelpKey(name, qtype, do) for name in found for qtype in HELP_TYPES for do in (False, True)
    )


class StoredAnswer(NamedTuple):
    """A response as a message without ID.  fetched_at: epoch seconds."""

    fetched_at: int
    message: bytes


class HelpAnswers:
    """The last good response to each question, for up to `KEPT_FOR`."""

    def __init__(self) -> None:
        self._by_key: dict[HelpKey, StoredAnswer] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: CacheKey, wall: float) -> CacheEntry | None:
        """Return the answer to a question, with or without CD; None where there is none yet."""
        if key.zone:
            return None
        stored = self._by_key.get(HelpKey(key.qname, key.qtype, key.do))
        # One from the future was fetched before the clock was set right.
        if stored is None or wall - stored.fetched_at > KEPT_FOR:
            return None
        return help_entry(read_response(stored.message))

    def put(self, key: HelpKey, answer: UpstreamResponse, wall: float) -> None:
        """Take the place of the last answer.  answer: with rcode NOERROR or NXDOMAIN."""
        self._by_key[key] = StoredAnswer(int(wall), _message_of(key, answer))

    def keep_only(self, keys: Collection[HelpKey]) -> None:
        """Forget the answers to all other questions."""
        for key in self._by_key.keys() - set(keys):
            del self._by_key[key]

    def is_empty(self, wall: float) -> bool:
        """Tell whether there is no answer that may still be given."""
        return all(wall - each.fetched_at > KEPT_FOR for each in self._by_key.values())

    def copy(self) -> dict[HelpKey, StoredAnswer]:
        """Return all that is stored."""
        return dict(self._by_key)

    def restore(self, stored: Mapping[HelpKey, StoredAnswer]) -> None:
        """Store this and nothing else."""
        self._by_key = dict(stored)


def pack(stored: Mapping[HelpKey, StoredAnswer]) -> bytes:
    """Return the octets of a file: a line with the format, a digest, and all answers."""
    body = b"".join(
        _HEAD.pack(each.fetched_at, key.do, len(each.message)) + each.message
        for key, each in stored.items()
    )
    return _MAGIC + sha256(body).digest() + body


def unpack(octets: bytes) -> dict[HelpKey, StoredAnswer]:
    """Return the answers in a file; raise HelpAnswersError where it is damaged or another file."""
    at = len(_MAGIC) + _DIGEST_SIZE
    body = octets[at:]
    if not octets.startswith(_MAGIC):
        raise HelpAnswersError("this is not a file of answers for help sites")
    if octets[len(_MAGIC) : at] != sha256(body).digest():
        raise HelpAnswersError("the file is damaged")
    try:
        return dict(_answers_in(body))
    except (WireError, struct.error) as error:
        raise HelpAnswersError(f"an answer in the file cannot be read: {error}") from error


def help_entry(answer: UpstreamResponse) -> CacheEntry:
    """Return a response about a help name with its one TTL, to be given and not to be cached."""
    return CacheEntry(answer, 0.0, HELP_TTL)


def _message_of(key: HelpKey, answer: UpstreamResponse) -> bytes:
    """Return a response as a message, with the ID 0, that `read_response` reads again.

    Names in its records may point to the question, so that has to be of the same length.
    """
    flags = QR | RD | RA | (AD if answer.ad else 0) | answer.rcode
    head = COUNTS_FORMAT.pack(flags, 1, *answer.section_counts)
    return b"\0\0" + head + question_of(to_wire(key.qname), key.qtype) + answer.rrs


def _answers_in(body: bytes) -> Iterator[tuple[HelpKey, StoredAnswer]]:
    """Yield what `pack` wrote, without its head; raise WireError or struct.error."""
    at = 0
    while at < len(body):
        fetched_at, do, size = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        message = body[at : at + size]
        at += size
        read_response(message)  # so that no query meets one that cannot be read
        end = skip_name(message, HEADER_SIZE)
        qname, qtype = from_wire(message[HEADER_SIZE:end]), message[end : end + 2]
        key = HelpKey(qname, int.from_bytes(qtype, "big"), bool(do))
        yield key, StoredAnswer(fetched_at, message)
