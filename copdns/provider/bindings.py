"""Which line has an address now, as far as a provider's network has said so.  Pure.

The network tells when a session begins, goes on and ends.  Some of that is lost, comes twice or in
the wrong order, and an address goes to another family within a second.  What is not certain is
nobody's: whoever asks from there gets what the provider gives to strangers, never another family's
rules.  What holds follows from five rules:

- the newest event about an address decides; an older one that comes later changes nothing;
- where two lines claim an address within `DOUBT` seconds, neither has it until one of them is heard
  of again;
- a line has one session: the start of another one ends the former, wherever it was;
- a session that is not heard of for its time is over;
- where a machine begins or ends many of its sessions within a minute, all that it told before is in
  doubt: each of its sessions is nobody's until it is heard of again.

docs/providers.md tells what a network has to send for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from heapq import heappop, heappush
from ipaddress import IPv6Address
from itertools import chain
from typing import Final, NamedTuple

from copdns.provider.address_blocks import AddressBlock, keys_of

DOUBT: Final = 2.0  # seconds: how far two clocks of the network may be apart
# Seconds for which the end of a session is remembered, so that what comes late does not revive it.
REMEMBERED: Final = 86_400.0
# A machine that begins or ends so large a part of its sessions within so many seconds, and so many,
# is one that began anew, whether it says so or not.
_MANY_PART, _MANY_AT_LEAST, _MANY_WITHIN = 0.05, 20, 60.0


class SessionChange(Enum):
    """What became of a session (RFC 2866 section 5.1)."""

    START = "start"
    UPDATE = "update"  # it goes on
    STOP = "stop"


class SessionEvent(NamedTuple):
    """What the network tells of a session.

    machine, session: who counts sessions, and the number that it gave this one.  line: whose it is.
    at: seconds since 1970, by the machine's clock.  blocks: all that it has; None where nothing is
    said of them.
    """

    kind: SessionChange
    machine: str
    session: str
    line: str
    at: float
    blocks: tuple[AddressBlock, ...] | None = None

    @property
    def key(self) -> SessionKey:
        return self.machine, self.session


SessionKey = tuple[str, str]  # machine and session
_DISPUTED: Final = "\0disputed"  # the machine of what two lines claim; no name begins so


@dataclass(slots=True)
class _Session:
    """line: "" for a block that is disputed.  began, heard: its first and its newest event."""

    machine: _Machine
    line: str
    began: float
    heard: float
    blocks: tuple[AddressBlock, ...]


@dataclass(slots=True)
class _Machine:
    """sessions: how many it has.  since, changed: of the minute that is, its begin and how many
    sessions began or ended in it.  is_new: it has begun anew, and its sessions are coming back.
    doubted: sessions not heard of since then are nobody's.
    """

    sessions: int = 0
    since: float = 0.0
    changed: int = 0
    is_new: bool = False
    doubted: float = 0.0

    def note_change(self, at: float) -> bool:
        """Count that a session began or ended; tell whether all others are in doubt from now on."""
        if at < self.since:
            return False
        if at >= self.since + _MANY_WITHIN:
            # What comes back takes minutes, in which what came back first is in no new doubt.
            self.is_new = self._is_many() and at < self.since + 2 * _MANY_WITHIN
            self.since, self.changed = at, 0
        self.changed += 1
        if self.is_new or not self._is_many():
            return False
        self.is_new, self.doubted = True, self.since
        return True

    def _is_many(self) -> bool:
        return self.changed > max(_MANY_AT_LEAST, _MANY_PART * self.sessions)


class Binding(NamedTuple):
    """Who has a block.  heard: when that was told last, in seconds since 1970."""

    block: AddressBlock
    session: SessionKey
    heard: float


class SessionState(NamedTuple):
    """A session that goes on.  began, heard: its first and its newest event."""

    line: str
    began: float
    heard: float
    blocks: tuple[AddressBlock, ...]


class Bindings:
    """Who has which address."""

    def __init__(self, kept_for: float, former: Bindings | None = None) -> None:
        """kept_for: seconds after which a session is over that is not heard of.  The network has to
        send news of each session several times in that time.

        former: whose place this takes, so that what is late begins nothing that had ended there."""
        self.kept_for = kept_for
        self._sessions: dict[SessionKey, _Session] = {}
        self._session_of: dict[str, SessionKey] = {}  # by line
        self._machines: dict[str, _Machine] = {}
        self._doubted = 0.0  # as of each machine, also of those to come
        # By the first address and the length of its prefix: one, or one for some ports each.
        self._bindings: dict[tuple[int, int], tuple[Binding, ...]] = {}
        self._lengths: dict[int, int] = {}  # of IPv6 prefixes: how many networks have each
        # When they ended, and when that was told.
        self._ended: dict[SessionKey, tuple[float, float]] = (
            former._ended if former is not None else {}
        )
        # A heap: those that are restored may be older than those of the former.
        self._ends: list[tuple[float, SessionKey]] = former._ends if former is not None else []
        self._due: list[tuple[float, SessionKey]] = []  # a heap: when to look whether each is over

    def __len__(self) -> int:
        """How many blocks are somebody's, or were and are not forgotten."""
        return sum(map(len, self._bindings.values()))

    def line_at(self, address: str, port: int, now: float) -> str:
        """Return which line asks from an address and port; "" for nobody that is known.

        now: seconds since 1970.  Raises ValueError for what is no address.
        """
        found = {
            self._line_of(session, now)
            for key in keys_of(address, self._lengths)
            for block, session, _ in self._bindings.get(key, ())
            if block.first_port <= port <= block.last_port
        }
        # A prefix within another line's is of before or after it, and which is not known.
        return found.pop() if len(found) == 1 else ""

    def lines(self, now: float) -> Iterator[tuple[AddressBlock, str]]:
        """Yield each block that a line has, with the line; none that lies within another line's."""
        for bindings in self._bindings.values():
            for block, session, _ in bindings:
                line = self._line_of(session, now)
                inside = str(IPv6Address(block.network)) if block.length else ""
                if line and (not inside or self.line_at(inside, block.first_port, now) == line):
                    yield block, line

    def _line_of(self, session: SessionKey, now: float) -> str:
        found = self._sessions[session]
        if now >= found.heard + self.kept_for or found.heard < found.machine.doubted:
            return ""
        return found.line

    def owner(self, block: AddressBlock, now: float) -> str:
        """Return which line has a block; "" for nobody that is known.

        Another line may have a part of it, or all around it: whoever asks for all blocks sees that.
        """
        here = self._bindings.get(block.key, ())
        session = next((each.session for each in here if each.block == block), None)
        return "" if session is None else self._line_of(session, now)

    # --- what is kept, so that a program that starts goes on ---

    def session(self, key: SessionKey) -> SessionState | None:
        """Return a session that goes on; None where there is none."""
        found = self._sessions.get(key)
        if found is None:
            return None
        return SessionState(found.line, found.began, found.heard, found.blocks)

    def session_of(self, line: str) -> frozenset[SessionKey]:
        """Return the session of a line, if it has one."""
        key = self._session_of.get(line)
        return frozenset() if key is None else frozenset({key})

    def all_sessions(self) -> frozenset[SessionKey]:
        """Return all sessions, and those of which is remembered that they are over."""
        return frozenset(key for key in (*self._sessions, *self._ended) if key[0] != _DISPUTED)

    def end_of(self, key: SessionKey) -> tuple[float, float] | None:
        """Return when a session ended, and when that was told; None where that is not known."""
        return self._ended.get(key)

    def sessions_of(self, machine: str) -> frozenset[SessionKey]:
        """Return all sessions of a machine."""
        return frozenset(key for key in self._sessions if key[0] == machine)

    def restore(
        self,
        key: SessionKey,
        line: str,
        began: float,
        heard: float,
        blocks: tuple[AddressBlock, ...],
    ) -> None:
        """Let a session go on that was kept, as if nothing had been between.

        Call it for the sessions in the order in which they were heard of.
        """
        former = self._session_of.get(line)
        if former is not None:
            self._end(former)
        if heard > self._ended.get(key, (heard, 0.0))[0]:
            del self._ended[key]  # it began again since
        session = self._begin(key, line, began)
        session.heard = heard
        for block in blocks:
            self._claim(block, key, heard)
        session.blocks = blocks

    def restore_end(self, key: SessionKey, at: float, told: float) -> None:
        """Remember that a session ended, and when that was told."""
        self._note_end(key, at, told)

    def doubt_others(self, known: Mapping[AddressBlock, str]) -> None:
        """Let each block be nobody's, until its session is heard of again, that was not its line's:
        whoever kept that knew of a doubt.  Call it after the last `restore`."""
        for bindings in list(self._bindings.values()):
            kept = [
                each._replace(session=self._dispute(each.block, each.heard))
                if known.get(each.block) != self._sessions[each.session].line
                else each
                for each in bindings
            ]
            self._set(kept[0].block.key, tuple(kept))

    def doubt_all(self, now: float) -> None:
        """Let each session be nobody's until it is heard of again: news of it may be lost."""
        self._doubted = now
        for each in self._machines.values():
            each.doubted = max(each.doubted, now)

    def over(self, now: float) -> frozenset[SessionKey]:
        """Return the sessions that `expire` would end."""
        return frozenset(
            key
            for until, key in self._due
            if until <= now
            and (session := self._sessions.get(key)) is not None
            and session.heard + self.kept_for <= now
            and key[0] != _DISPUTED
        )

    # --- what the network tells ---

    def take(self, event: SessionEvent, now: float) -> frozenset[AddressBlock]:
        """Take in what became of a session; return the blocks of which another line, or nobody, is
        the owner now.

        now: seconds since 1970 here.  An event of the future is one of now, but for `DOUBT`: from a
        clock that is wrong it would win over all that come after it.
        """
        at = min(event.at, now + DOUBT)
        if event.kind is SessionChange.STOP:
            session = self._sessions.get(event.key)
            if session is not None and at < session.began - DOUBT:
                return frozenset()  # a number is used again, and this is of the time before
            self._note_end(event.key, at, now)
            changed = self._end(event.key)
            return changed if session is None else changed | self._doubt(session.machine, at)
        known = self._sessions.get(event.key)
        if known is not None and known.line != event.line:
            return self._renumber(event, known, at, now)
        ended = self._ended.get(event.key)
        if ended is not None and (event.kind is SessionChange.UPDATE or at <= ended[0]):
            return frozenset()
        former = self._session_of.get(event.line)
        if former is None or former == event.key:
            changed = frozenset[AddressBlock]()
        elif at < self._sessions[former].began:
            return frozenset()  # of a session before the one that is
        else:
            self._note_end(former, at, now)
            changed = self._end(former)
        self._ended.pop(event.key, None)
        return changed | self._go_on(event, at)

    def restart(self, machine: str, at: float, now: float) -> frozenset[AddressBlock]:
        """Take in that a machine began anew, or is about to end (Accounting-On and Accounting-Off):
        its sessions until then are over.  Returns as `take` does."""
        over = [
            key
            for key, session in self._sessions.items()
            if key[0] == machine and session.began <= at
        ]
        for each in over:
            self._note_end(each, at, now)
        return frozenset[AddressBlock]().union(*map(self._end, over))

    def expire(self, now: float) -> frozenset[AddressBlock]:
        """End what was not heard of for its time; return as `take` does.

        It begins anew when it is heard of again: the news may have been lost, and not the session.
        """
        changed: set[AddressBlock] = set()  # of all of a backup at once
        while self._due and self._due[0][0] <= now:
            _, key = heappop(self._due)
            session = self._sessions.get(key)
            if session is None:
                continue
            until = session.heard + self.kept_for
            if until > now:
                heappush(self._due, (until, key))
            else:
                changed |= self._end(key)
        return frozenset(changed)

    def forget_ends(self, now: float) -> frozenset[SessionKey]:
        """Forget what ended `REMEMBERED` ago; return the sessions of which no end is known any
        more."""
        forgotten = set()
        while self._ends and now - self._ends[0][0] >= REMEMBERED:
            told, key = heappop(self._ends)
            if self._ended.get(key, (0.0, 0.0))[1] == told:  # it has not ended again since
                del self._ended[key]
                forgotten.add(key)
        return frozenset(forgotten)

    # --- what follows ---

    def _renumber(
        self, event: SessionEvent, known: _Session, at: float, now: float
    ) -> frozenset[AddressBlock]:
        """Take in that a machine gave the number of one line's session to another line: it began
        anew, and the former session is over, unless this is the older of the two."""
        if at < known.began:
            return frozenset()
        changed = self._end(event.key)
        if event.kind is SessionChange.UPDATE:  # whichever of both it is about
            return changed
        return changed | self.take(event, now)

    def _go_on(self, event: SessionEvent, at: float) -> frozenset[AddressBlock]:
        """Note that a session is alive, and give it its blocks."""
        session = self._sessions.get(event.key)
        changed: frozenset[AddressBlock] = frozenset()
        if session is None:
            session = self._begin(event.key, event.line, at)
            changed = self._doubt(session.machine, at)
        elif at < session.heard:
            return changed  # what was told later is here
        elif session.heard < session.machine.doubted:
            changed = frozenset(session.blocks)
        session.heard = at
        blocks = session.blocks if event.blocks is None else event.blocks
        for block in set(session.blocks) - set(blocks):
            changed |= self._release(block, event.key)
        for block in blocks:
            changed |= self._claim(block, event.key, at)
        session.blocks = blocks
        return changed

    def _begin(self, key: SessionKey, line: str, at: float) -> _Session:
        machine = self._machines.setdefault(key[0], _Machine(doubted=self._doubted))
        machine.sessions += 1
        session = self._sessions[key] = _Session(machine, line, at, at, ())
        if line:
            self._session_of[line] = key
        heappush(self._due, (at + self.kept_for, key))
        return session

    def _doubt(self, machine: _Machine, at: float) -> frozenset[AddressBlock]:
        """Note that a session began or ended; return the blocks of those in doubt from now on."""
        if not machine.note_change(at):
            return frozenset()
        sessions = self._sessions.values()
        silent = (
            each.blocks
            for each in sessions
            if each.machine is machine and each.heard < machine.doubted
        )
        return frozenset(chain.from_iterable(silent))

    def _claim(self, block: AddressBlock, key: SessionKey, at: float) -> frozenset[AddressBlock]:
        """Give a block to a session, unless another one has a better claim."""
        here = self._bindings.get(block.key, ())
        others = [each for each in here if each.block.overlaps(block) and each.session != key]
        newest = max((each.heard for each in others), default=0.0)
        if at < newest - DOUBT:
            return frozenset()
        if at <= newest + DOUBT and others:
            at = max(at, newest)
            key = self._dispute(block, at)
        before = next((each for each in here if each.block == block), None)
        kept = [each for each in here if not each.block.overlaps(block)]
        self._set(block.key, (*kept, Binding(block, key, at)))
        if before is not None and before.session == key:
            return frozenset()
        return frozenset({block, *(each.block for each in others)})

    def _dispute(self, block: AddressBlock, at: float) -> SessionKey:
        """Return the session to which a block belongs that two lines claim: it is nobody's."""
        key = _DISPUTED, str(block)
        session = self._sessions.get(key) or self._begin(key, "", at)
        session.heard, session.blocks = at, (block,)
        return key

    def _note_end(self, key: SessionKey, at: float, now: float) -> None:
        """Remember that a session is over, so that what comes late does not revive it."""
        if self._ended.get(key, (-1.0, 0.0))[0] >= at:
            return  # it was told before
        self._ended[key] = at, now
        heappush(self._ends, (now, key))

    def _end(self, key: SessionKey) -> frozenset[AddressBlock]:
        """Forget a session; return what it had."""
        session = self._sessions.pop(key, None)
        if session is None:
            return frozenset()
        session.machine.sessions -= 1
        if self._session_of.get(session.line) == key:
            del self._session_of[session.line]
        changed: frozenset[AddressBlock] = frozenset()
        for block in session.blocks:
            changed |= self._release(block, key)
        return changed

    def _release(self, block: AddressBlock, key: SessionKey) -> frozenset[AddressBlock]:
        """Take a block from a session, if it has it (and no newer one has)."""
        here = self._bindings.get(block.key, ())
        kept = tuple(each for each in here if (each.block, each.session) != (block, key))
        if len(kept) == len(here):
            return frozenset()
        self._set(block.key, kept)
        return frozenset({block})

    def _set(self, key: tuple[int, int], bindings: tuple[Binding, ...]) -> None:
        """Keep what is at a network, and which lengths of prefixes there are."""
        _, length = key
        was_there = key in self._bindings
        if bindings:
            self._bindings[key] = bindings
        else:
            self._bindings.pop(key, None)
        if length and was_there != bool(bindings):
            self._lengths[length] = self._lengths.get(length, 0) + (1 if bindings else -1)
            if not self._lengths[length]:
                del self._lengths[length]
