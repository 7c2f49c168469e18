r"""Find which patterns of lists match a name, all at once and in bounded time.

A pattern is a rule of an ad blocker that is no whole name (`||ads*.example^`, `|ads.`, `.example|`)
or a regular expression between slashes (`/^ads[0-9]+\.example$/`).  All of them together become one
automaton that reads a name once, letter by letter, and never goes back; so no expression, however
it is written, takes longer than the length of the name times the size of the automaton, and what
was worked out for one name serves the next.  Python's own `re` gives no such bound: for `(a+)+$`
and 28 letters it took 53 seconds, and twice as long for each letter more.

Of regular expressions these are read: letters, `.`, classes such as `[a-z0-9_-]` and `[^.]`, `\d`,
`\w`, escaped characters, groups, `|`, `^`, `$`, and the repetitions `*`, `+`, `?` and `{2,5}`.
Others, such as look-ahead and back-references, raise PatternError.  They are not anchored by
themselves, and upper and lower case are the same.  Pure, but for what an automaton remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_TEXT: Final = 512  # characters of one pattern
MAX_SIZE: Final = 2_000  # states of one pattern
MAX_TOTAL: Final = 60_000  # states of all patterns of one list
MAX_WORK: Final = 50_000  # places that one look-up works through, besides what is remembered
UNBOUNDED: Final = 1 << 60
MAX_REMEMBERED: Final = 400_000  # states inside the states that an automaton remembers
MAX_DEPTH: Final = 20  # groups inside groups

# A name is read between two marks that no name has, so that anchors are letters like others.
_START: Final = "\x02"
_END: Final = "\x03"
_NAME_BITS: Final = sum(1 << code for code in range(0x20, 0x7F))
_START_BIT: Final = 1 << 2
_END_BIT: Final = 1 << 3
_DOT_BIT: Final = 1 << ord(".")


class PatternError(Exception):
    """The text is no pattern that is read here, or one that is too large."""


class Part(NamedTuple):
    """A part of a pattern.

    bits: the characters of a single one, as bits by code; 0 for a part made of others.
    parts: in a row, or each for itself where `is_choice`.
    low, high: how often it is there; high -1: any number.
    """

    bits: int
    parts: tuple[Part, ...] = ()
    is_choice: bool = False
    low: int = 1
    high: int = 1


def _size(part: Part) -> int:
    own = 1 if part.bits else sum([_size(each) + 1 for each in part.parts]) + 1
    return own * max(part.low + (1 if part.high < 0 else 0), part.high, 1)


def is_pattern(text: str) -> bool:
    """Tell whether the name of an entry is a pattern rather than a name."""
    return text[:1] in ("|", "/", "*") or text[-1:] in ("^", "|") or "*" in text


def read_pattern(text: str) -> Part:
    """Return what a pattern consists of; raise PatternError."""
    if len(text) > MAX_TEXT:
        raise PatternError("a pattern has at most 512 characters")
    if len(text) > 2 and text[0] == text[-1] == "/":
        found = _Expression(text[1:-1].lower()).read()
    else:
        found = _read_rule(text.lower())
    if _size(found) > MAX_SIZE:
        raise PatternError("this pattern is too large")
    return found


def pattern_size(text: str) -> int:
    """Return how many states a pattern takes; raise PatternError."""
    return _size(read_pattern(text))


_ANYTHING: Final = Part(_NAME_BITS, low=0, high=-1)


def _read_rule(text: str) -> Part:
    """Return the parts of a rule: `||` begins at a label, `|` at the start or end, `*` is any
    text, and `^` the end of the name."""
    parts: list[Part] = []
    if text.startswith("||"):
        parts.append(Part(_START_BIT | _DOT_BIT))
        text = text[2:]
    elif text.startswith("|"):
        parts.append(Part(_START_BIT))
        text = text[1:]
    text = text.rstrip("*") if text.rstrip("*")[-1:] == "^" else text
    is_ended = text.endswith(("^", "|"))
    text = text.rstrip("|^") if is_ended else text
    for char in text:
        if char == "*":
            parts.append(_ANYTHING)
        elif char.isascii() and (char.isalnum() or char in "-._"):
            parts.append(Part(1 << ord(char)))
        else:
            raise PatternError(f"{char!r} does not stand in a domain")
    if is_ended:
        parts.append(Part(_END_BIT))
    return Part(0, tuple(parts))


def _bits_between(first: str, last: str) -> int:
    return sum([1 << code for code in range(ord(first), ord(last) + 1)])


_DIGITS: Final = _bits_between("0", "9")
_LETTERS: Final = _bits_between("a", "z")
_NAMED: Final = {
    "d": _DIGITS,
    "w": _DIGITS | _LETTERS | (1 << ord("_")),
    "s": 1 << ord(" "),
}
_POSIX: Final = {
    "[:alnum:]": _DIGITS | _LETTERS,
    "[:alpha:]": _LETTERS,
    "[:lower:]": _LETTERS,
    "[:upper:]": _LETTERS,
    "[:digit:]": _DIGITS,
    "[:space:]": 1 << ord(" "),
    "[:punct:]": (1 << ord("-")) | (1 << ord("_")) | (1 << ord(".")),
}


class _Expression:
    """A regular expression that is being read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def read(self) -> Part:
        found = self._read_choice()
        if self._at < len(self._text):
            raise PatternError("a ) has no (")
        return found

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise PatternError("this expression ends too early")
        self._at += 1
        return char

    def _read_choice(self) -> Part:
        choices: list[Part] = []
        row: list[Part] = []
        while True:
            char = self._peek()
            if char in ("", ")"):
                break
            if char == "|":
                self._at += 1
                choices.append(Part(0, tuple(row)))
                row = []
            else:
                row.append(self._read_repeated())
        choices.append(Part(0, tuple(row)))
        return choices[0] if len(choices) == 1 else Part(0, tuple(choices), is_choice=True)

    def _read_repeated(self) -> Part:
        part = self._read_single()
        char = self._peek()
        if char == "{" and not self._text[self._at + 1 : self._at + 2].isdigit():
            char = ""
        if char not in ("*", "+", "?", "{") or not char:
            return part
        self._at += 1
        low, high = 0, -1
        if char == "+":
            low = 1
        elif char == "?":
            high = 1
        elif char == "{":
            low, high = self._read_bounds()
        if self._peek() == "?":
            self._at += 1  # lazy: finds no other names
        if self._peek() in ("*", "+", "{") and self._peek():
            raise PatternError("a repetition is repeated")
        return Part(0, (part,), low=low, high=high)

    def _read_bounds(self) -> tuple[int, int]:
        end = self._text.find("}", self._at)
        first, comma, last = self._text[self._at : max(end, self._at)].partition(",")
        if end < 0 or not first.isdigit() or (last and not last.isdigit()):
            raise PatternError("what is in braces is no number of times")
        self._at = end + 1
        low = int(first)
        high = low if not comma else int(last) if last else -1
        if low > 253 or high > 253 or 0 <= high < low:
            raise PatternError("what is in braces is no number of times for a name")
        return low, high

    def _read_single(self) -> Part:
        char = self._take()
        if char == "(":
            return self._read_group()
        if char == "[":
            return Part(self._read_class())
        if char == ".":
            return Part(_NAME_BITS)
        if char == "^":
            return Part(_START_BIT)
        if char == "$":
            return Part(_END_BIT)
        if char == "\\":
            return Part(self._read_escape())
        if char in "*+?":
            raise PatternError("there is nothing to repeat")
        return Part(_bit_of(char))

    def _read_group(self) -> Part:
        if self._peek() == "?":
            self._at += 1
            if self._take() != ":":
                raise PatternError("only plain groups are read, and (?: )")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise PatternError("too many groups are inside others")
        found = self._read_choice()
        self._depth -= 1
        if self._peek() != ")":
            raise PatternError("a ( has no )")
        self._at += 1
        return found

    def _read_escape(self) -> int:
        char = self._take()
        if char in _NAMED:
            return _NAMED[char]
        if char.isalnum():
            raise PatternError(f"\\{char} is not read here")
        return _bit_of(char)

    def _read_class(self) -> int:
        bits = 0
        negated = self._peek() == "^"
        if negated:
            self._at += 1
        is_first = True
        while is_first or self._peek() != "]":
            is_first = False
            posix = next((each for each in _POSIX if self._text.startswith(each, self._at)), "")
            if posix:
                self._at += len(posix)
                bits |= _POSIX[posix]
                continue
            char = self._take()
            if char == "\\":
                bits |= self._read_escape()
                continue
            following = self._text[self._at : self._at + 2]
            if len(following) == 2 and following[0] == "-" and following[1] not in "]\\[":
                if following[1] < char or not following.isascii() or not char.isascii():
                    raise PatternError("a class has a range from back to front")
                bits |= _bits_between(char, following[1])
                self._at += 2
            else:
                bits |= _bit_of(char)
        self._at += 1
        bits = _NAME_BITS & ~bits if negated else bits & _NAME_BITS
        if not bits:
            raise PatternError("a class has no character that a name can have")
        return bits


def _bit_of(char: str) -> int:
    if not "\x20" <= char <= "\x7e":
        raise PatternError("an expression has letters that no name has")
    return 1 << ord(char)


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
        begins = _START_BIT | _DOT_BIT
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
        text = f"{_START}{qname}{_END}"
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
