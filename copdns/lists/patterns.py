r"""Find which patterns of lists match a name, all at once and in bounded time.

A pattern is a rule of an ad blocker that is no whole name (`||ads*.example^`, `|ads.`, `.example|`)
or a regular expression between slashes (`/^ads[0-9]+\.example$/`).  All of them together become one
automaton that reads a name once, letter by letter, and never goes back; so no expression, however
it is written, takes longer than the length of the name times the size of the automaton, and what
was worked out for one name serves the next.  Python's own `re` gives no such bound: for `(a+)+$`
and 28 letters it took 53 seconds, and twice as long for each letter more.

`lists/pattern_parts.py` reads how they are written.  Pure, but for what an automaton remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from copdns.lists.pattern_parts import DOT_BIT, END, START, START_BIT, Part, read_pattern

MAX_TOTAL: Final = 60_000  # states of all patterns of one list
MAX_WORK: Final = 50_000  # places that one look-up works through, besides what is remembered
MAX_REMEMBERED: Final = 400_000  # states inside the states that an automaton remembers


class PatternSet:
    """Patterns, as one automaton.  `find` returns the numbers of those that match a name.

    A state of the automaton is a set of places in the patterns; what follows on each letter is
    worked out when it first comes, and remembered up to a limit.
    """

    __slots__ = (
        "_accepts",
        "_begin_labels",
        "_bits",
        "_bundle_by_places",
        "_ends",
        "_follow",
        "_free",
        "_held",
        "_places",
        "_remembered",
        "_start",
        "texts",
    )

    def __init__(self, texts: Iterable[str]) -> None:
        """texts: of patterns that `read_pattern` takes; others raise PatternError."""
        self.texts = tuple(texts)
        self._bits: list[int] = []  # by place: what is read there, 0 for nothing
        self._follow: list[int] = []  # by place: the next one
        self._free: list[list[int]] = []  # by place: others that are reached without reading
        self._ends: dict[int, int] = {}  # by place: the pattern that ends there
        begin = self._new_place(0)
        shared: dict[int, int] = {}  # by what is read first, the place after it
        for number, text in enumerate(self.texts):
            part, place = read_pattern(text), begin
            first = part.parts[0] if part.parts and not part.is_choice else part
            # Most rules begin with a label.  They share that place, so that a state in the middle
            # of a label has this one place in it and not the beginnings of a thousand rules.
            if first.bits and first.low == first.high == 1 == part.low == part.high:
                if first.bits not in shared:
                    shared[first.bits] = self._add_once(first, begin)
                place, part = shared[first.bits], Part(0, part.parts[1:])
            end = self._new_place(0)
            self._free[self._add(part, place)].append(end)
            self._ends[end] = number
        self._start = self._closure([begin])
        # All patterns begin with a label or the name, as most do.
        begins = START_BIT | DOT_BIT
        self._begin_labels = all(
            self._bits[each] and not self._bits[each] & ~begins for each in self._start
        )
        self._forget()

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def size(self) -> int:
        """The number of its places."""
        return len(self._bits)

    def find(self, qname: str, most: int = MAX_WORK) -> list[int]:
        """Return the numbers of the patterns that match a name in normal form.

        most: places to work through; where a name takes more, its end is not read.
        """
        found: list[int] = []
        if not self.texts:
            return found
        state = at = work = 0
        if self._accepts[0]:
            found += self._accepts[0]
        text = f"{START}{qname}{END}"
        end = len(text)
        while at < end:
            char = text[at]
            following = self._held[state].get(char, -1)
            if following < 0:
                work += len(self._places[state])
                if work > most:
                    break
                following = self._step(state, char)
            state = following
            if self._accepts[state]:
                found += self._accepts[state]
            at += 1
            if not state and self._begin_labels:  # nothing goes on, so the next label is next
                at = text.find(".", at)
                if at < 0:
                    break
        return sorted(set(found)) if len(found) > 1 else found

    # --- building ---

    def _new_place(self, bits: int) -> int:
        self._bits.append(bits)
        self._follow.append(-1)
        self._free.append([])
        return len(self._bits) - 1

    def _add(self, part: Part, place: int) -> int:
        """Add a part that begins at a place; return the place where it ends."""
        for _ in range(part.low):
            place = self._add_once(part, place)
        if part.high < 0:
            loop = self._new_place(0)
            self._free[place].append(loop)
            self._free[self._add_once(part, loop)].append(loop)
            return loop
        ends = [place]
        for _ in range(part.high - part.low):
            place = self._add_once(part, place)
            ends.append(place)
        for each in ends[:-1]:
            self._free[each].append(place)
        return place

    def _add_once(self, part: Part, place: int) -> int:
        if part.bits:
            here = self._new_place(part.bits)
            self._free[place].append(here)
            self._follow[here] = self._new_place(0)
            return self._follow[here]
        if part.is_choice:
            end = self._new_place(0)
            for each in part.parts:
                begin = self._new_place(0)
                self._free[place].append(begin)
                self._free[self._add(each, begin)].append(end)
            return end
        if not part.parts:
            return place
        begin = self._new_place(0)
        self._free[place].append(begin)
        for each in part.parts:
            begin = self._add(each, begin)
        return begin

    # --- running ---

    def _closure(self, places: Iterable[int]) -> tuple[int, ...]:
        """Return all places that are reached from these without reading, that read or end."""
        seen: set[int] = set()
        wanted = list(places)
        while wanted:
            place = wanted.pop()
            if place not in seen:
                seen.add(place)
                wanted += self._free[place]
        return tuple(sorted([each for each in seen if self._bits[each] or each in self._ends]))

    def _forget(self) -> None:
        self._places: list[tuple[int, ...]] = []
        self._held: list[dict[str, int]] = []
        self._accepts: list[list[int]] = []
        self._bundle_by_places: dict[tuple[int, ...], int] = {}
        self._remembered = 0
        self._number_of(self._start)

    def _number_of(self, places: tuple[int, ...]) -> int:
        number = self._bundle_by_places.get(places, -1)
        if number < 0:
            number = self._bundle_by_places[places] = len(self._places)
            self._places.append(places)
            self._held.append({})
            self._accepts.append([self._ends[each] for each in places if each in self._ends])
            self._remembered += len(places) + 8
        return number

    def _step(self, state: int, char: str) -> int:
        """Work out what follows a state on a letter."""
        places = self._places[state]
        if self._remembered > MAX_REMEMBERED:
            self._forget()
            state = self._number_of(places)
        bit = 1 << ord(char)
        reached = [self._follow[each] for each in places if self._bits[each] & bit]
        # A pattern may begin anywhere, so all of them begin anew at each letter.
        following = self._number_of(tuple(sorted({*self._closure(reached), *self._start})))
        self._held[state][char] = following
        return following
