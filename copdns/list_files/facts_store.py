"""Take newer facts, and do what a guardian decides about them; all of it on disk.

Each set is on the disk before the state that names it, and the state is replaced as a whole, so
that whatever stops the program, what was in force still is.  `lists/facts.py` decides what of a
newer set is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from copdns import __version__
from copdns.list_files.copies import Copies
from copdns.list_files.facts import (
    SET_SUFFIXES,
    STATE,
    STATE_COPY,
    facts_folder,
    facts_of,
    load_facts_state,
    load_set,
    read_octets,
    read_set_file,
    set_paths,
    shipped_facts,
    shipped_set,
)
from copdns.list_files.facts_bundle import read_bundle
from copdns.lists.catalogue import BundledFiles, ReadText, read_files
from copdns.lists.drafts import build_small_catalogue, bundled_drafts, read_gate_rules
from copdns.lists.facts import (
    EarlierFacts,
    FactSet,
    FactsState,
    HeldFact,
    dump_facts_state,
    merge_facts,
    require_next,
    require_sound,
)
from copdns.lists.gate import Gate
from copdns.lists.index import ListKind
from copdns.model.errors import CopdnsError, FactsError, FetchError, HouseholdError
from copdns.model.sentences import sentence

KEPT: Final = 3  # earlier sets, besides the one in force
_BUSY = sentence("something else is changing this now; try again in a minute")
_GATED: Final = frozenset({ListKind.SERVICE, ListKind.BYPASS})


class _Folder(Copies):
    """The folder of facts, with the same ways to write as that of lists."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.folder = facts_folder(data)


class FactsStore:
    """The facts of one installation.  data: the data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._copies = _Folder(data)

    @property
    def state(self) -> FactsState:
        """Return what is known and was decided."""
        return load_facts_state(self._data)

    @contextmanager
    def _hold_lock(self) -> Iterator[None]:
        with self._copies.hold_lock(wait=False) as ours:
            if not ours:
                raise HouseholdError(_BUSY)
            try:
                yield
            except OSError as error:
                raise FetchError(self._copies.write_error(error)) from error

    # --- what comes ---------------------------------------------------------------------------

    def begin(self, now: float) -> None:
        """Restore what is damaged, and look whether newer facts ship; raise FetchError.

        For the start, before lists are compiled.  A fresh house writes nothing.
        """
        state, shipped = self.state, shipped_facts()
        if not state.in_force and not state.number:
            return
        with self._hold_lock():
            state = self._heal(state)
            if shipped.number > state.number and state.in_force:
                state = self._take(state, shipped_set(), now)
            elif shipped.number > state.number:
                state = replace(state, number=0, made_at=0, digest="", held=(), kept=())
            self._write(replace(state, checked_by=__version__))

    def mend(self) -> None:
        """Write anew what is damaged, or gone, of a file or of its copy.

        For the program that runs, which looks each minute: what is damaged next may be the other of
        the two.  What is damaged twice stays, until `begin` makes it anew, and nothing is written
        for it.  Raises FetchError or HouseholdError where it cannot be written now.
        """
        state = self.state
        if self._is_whole(state) and not self._find_halves(state):
            return
        with self._hold_lock():
            state = self.state
            if not self._is_whole(state):
                self._write(state)
            for digest in self._find_halves(state):
                self._store(load_set(self._data, digest))

    def _is_whole(self, state: FactsState) -> bool:
        """Tell whether the state is there twice and as it was written."""
        text = dump_facts_state(state).encode()
        return state == FactsState() or all(
            read_octets(self._copies.folder / name) == text for name in (STATE, STATE_COPY)
        )

    def _find_halves(self, state: FactsState) -> list[str]:
        """Return the digests of the sets of which one file is whole and the other is not."""
        found = []
        for digest in sorted(_digests(state)):
            files = [read_set_file(path, digest) for path in set_paths(self._data, digest)]
            if any(files) and not all(files):
                found.append(digest)
        return found

    def _heal(self, state: FactsState) -> FactsState:
        """Return a state whose set is whole and sound, by the newest one where it has to be."""
        if not state.in_force:
            return state
        with suppress(FactsError):
            found = load_set(self._data, state.in_force)
            require_sound(found)
            self._store(found)  # one of its files may be damaged
            return state
        shipping = replace(state, in_force="", held=(), kept=())
        with suppress(CopdnsError):
            newest = load_set(self._data, state.digest)
            require_sound(newest)
            return self._merge(shipping, shipped_set(), newest)
        return replace(shipping, number=0, made_at=0, digest="")

    def receive(self, octets: bytes, keys: Sequence[str], now: float) -> bool:
        """Take a bundle, or what of it may be taken unseen; tell whether it is new.

        keys: public ones; none: those that ship.  Raises FactsError for a bundle that is refused,
        and FetchError or HouseholdError where it cannot be written.
        """
        shipped = shipped_facts()
        found = read_bundle(octets, keys or tuple(shipped.keys.values()))
        with self._hold_lock():
            state = self._heal(self.state)
            require_next(found, max(state.highest, shipped.number), now)
            at, digest = max(
                (state.number, state.digest), (shipped.number, shipped.digest), key=lambda e: e[0]
            )
            if found.number == at and found.digest != digest:
                raise FactsError(f"it has the number {at}, as another one that was taken here")
            if found.number <= at:
                if state.digest == digest:
                    self._store(found)  # it may have been damaged
                self._write(_with_check(state, now))
                return False
            require_sound(found)
            self._write(_with_check(self._take(state, found, now), now))
        return True

    def note_failure(self, why: str, now: float, *, is_refused: bool) -> None:
        """Note that a try to get newer facts failed; raise FetchError or HouseholdError."""
        with self._hold_lock():
            state = self.state
            self._write(
                replace(
                    state,
                    tried_at=now,
                    error=why,
                    is_refused=is_refused,
                    failures=state.failures + 1,
                )
            )

    def mark_told(self, version: str) -> None:
        """Note that an event about what waits was published; raise FetchError or HouseholdError."""
        with self._hold_lock():
            self._write(replace(self.state, told=version))

    def _take(self, state: FactsState, newer: FactSet, now: float) -> FactsState:
        """Store a newer set and what of it is put in force; return the state that names both."""
        before = self._in_force(state)
        after = self._merge(state, before, newer)
        if after.in_force != state.in_force:
            after = _with_earlier(after, state, before, now)
        return after

    def _merge(self, state: FactsState, before: FactSet, newer: FactSet) -> FactsState:
        change = merge_facts(
            before.values,
            newer.values,
            needed_count=_count_needed(before, newer),
            was_rolled_back=state.is_rolled_back,
        )
        in_force = state.in_force
        if change.values != before.values:
            made = FactSet(newer.number, newer.made_at, change.values)
            require_sound(made)
            _require_usable(made)
            in_force = self._store(made)
        digest = self._store(newer)
        return replace(
            state,
            in_force=in_force,
            number=newer.number,
            made_at=newer.made_at,
            digest=digest,
            highest=max(state.highest, newer.number),
            held=change.held,
            kept=tuple(each for each in state.kept if each in {held.id for held in change.held}),
        )

    def _in_force(self, state: FactsState) -> FactSet:
        return load_set(self._data, state.in_force) if state.in_force else shipped_set()

    def _newest(self, state: FactsState) -> FactSet:
        return load_set(self._data, state.digest) if state.digest else shipped_set()

    # --- what a guardian decides ----------------------------------------------------------------

    def accept(self, version: str = "") -> FactsState:
        """Put the newest facts in force as they are; return the state.

        version: of what was looked at; "" for whatever waits.  Raises HouseholdError or FetchError.
        """
        with self._hold_lock():
            state = self._require_held(version)
            newest = self._newest(state)
            _require_usable(newest)
            after = replace(state, in_force=state.digest, held=(), kept=(), is_rolled_back=False)
            after = _with_earlier(after, state, self._in_force(state), state.checked_at or 0.0)
            self._write(after)
        return after

    def keep(self, version: str = "") -> FactsState:
        """Let what waits stay as it is; return the state.  The arguments are those of `accept`."""
        with self._hold_lock():
            state = self._require_held(version)
            after = replace(state, kept=tuple(each.id for each in state.held))
            self._write(after)
        return after

    def roll_back(self, now: float, digest: str | None = None) -> FactsState:
        """Put earlier facts in force; return the state.

        digest: its beginning; "shipped" for those that ship; None for those before.  Newer ones
        wait until a person accepts them.  Raises HouseholdError or FetchError.
        """
        with self._hold_lock():
            state = self.state
            chosen = _find_earlier(state, digest)
            newest = self._newest(state)
            back = replace(state, in_force=chosen, is_rolled_back=True)
            target = self._in_force(back)
            held = merge_facts(target.values, newest.values, was_rolled_back=True).held
            after = replace(back, held=held, kept=tuple(each.id for each in held))
            after = _with_earlier(after, state, self._in_force(state), now)
            self._write(after)
        return after

    def _require_held(self, version: str) -> FactsState:
        state = self.state
        if not state.held:
            raise HouseholdError(sentence("no change is waiting for you"))
        if version and state.version != version:
            raise HouseholdError(sentence("there is a newer version; look at the changes first"))
        return state

    # --- files --------------------------------------------------------------------------------

    def _store(self, facts: FactSet) -> str:
        """Write what is not there of both files of a set, or damaged; return its digest."""
        digest, text = facts.digest, facts.canonical().decode()
        for path in set_paths(self._data, digest):
            if not read_set_file(path, digest):
                self._copies.write_whole(path, text)
        return digest

    def _write(self, state: FactsState) -> None:
        """Write a state, and delete sets that it does not name."""
        state = replace(state, checked_by=__version__)
        text = dump_facts_state(state)
        for name in (STATE_COPY, STATE):
            self._copies.write_whole(self._copies.folder / name, text)
        named = _digests(state)
        for path in self._copies.folder.glob("*"):
            is_set = path.suffix in SET_SUFFIXES and path.name not in (STATE, STATE_COPY)
            if is_set and path.stem not in named:
                with suppress(OSError):  # deleted next time
                    path.unlink()


def _digests(state: FactsState) -> set[str]:
    """Return the digests of the sets that a state names."""
    named = {state.in_force, state.digest, *(each.digest for each in state.earlier)}
    return named - {""}


def _with_check(state: FactsState, now: float) -> FactsState:
    return replace(state, tried_at=now, checked_at=now, error="", is_refused=False, failures=0)


def _with_earlier(after: FactsState, before: FactsState, facts: FactSet, now: float) -> FactsState:
    """Return the state with the set that was in force until now among the earlier ones."""
    was = EarlierFacts(before.in_force, facts.number, facts.made_at, now)
    others = (each for each in before.earlier if each.digest != was.digest)
    kept = [each for each in (was, *others) if each.digest != after.in_force]
    return replace(after, earlier=tuple(kept[:KEPT]))


def _find_earlier(state: FactsState, digest: str | None) -> str:
    if digest == "shipped" and state.in_force:
        return ""
    for each in state.earlier:
        if digest is None or (digest and each.digest.startswith(digest)):
            return each.digest
    raise HouseholdError(sentence("there is no such earlier version"))


def _require_usable(facts: FactSet) -> None:
    """Raise FactsError where no catalogue can be made of a set."""
    read = facts_of("", facts).read
    try:
        build_small_catalogue(read)
    except CopdnsError as error:
        raise FactsError(f"no lists can be made of it: {error}") from None


def _count_needed(before: FactSet, newer: FactSet) -> int:
    """Return how many entries of services and ways around would newly take what is needed."""
    read = facts_of("", before).read
    found = read_files(read)
    gate = Gate(bundled_drafts(found, read), read_gate_rules(found, read))
    old, new = (_find_stopped(gate, facts_of("", each).read) for each in (before, newer))
    return len(new - old)


def _find_stopped(gate: Gate, read: ReadText) -> set[tuple[str, str]]:
    found: BundledFiles = read_files(read)
    drafts = [each for each in bundled_drafts(found, read) if each.kind in _GATED]
    return {(each.slug, name) for each in drafts for name in gate.stopped_entries(each)}


def describe_held_facts(held: Sequence[HeldFact]) -> list[str]:
    """Return what waits, a line each, for commands."""
    return [_describe_held_fact(each) for each in held]


def _describe_held_fact(held: HeldFact) -> str:
    if held.reasons:
        why = ", ".join(held.reasons)
        return f"! {held.key}: {held.names} entries instead of {held.names_before} ({why})"
    if not held.was:
        return f"+ {held.key} ({held.becomes})"
    return f"- {held.key}: {held.was}" + (f" -> {held.becomes}" if held.becomes else "")
