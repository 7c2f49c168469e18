r"""How patterns of lists are written: the text of one becomes a tree of parts, or a PatternError.

A pattern is a rule of an ad blocker that is no whole name (`||ads*.example^`, `|ads.`, `.example|`)
or a regular expression between slashes (`/^ads[0-9]+\.example$/`).

Of regular expressions these are read: letters, `.`, classes such as `[a-z0-9_-]` and `[^.]`, `\d`,
`\w`, escaped characters, groups, `|`, `^`, `$`, and the repetitions `*`, `+`, `?` and `{2,5}`.
Others, such as look-ahead and back-references, raise PatternError.  They are not anchored by
themselves, and upper and lower case are the same.  Pure.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_TEXT: Final = 512  # characters of one pattern
MAX_SIZE: Final = 2_000  # states of one pattern
UNBOUNDED: Final = 1 << 60
MAX_DEPTH: Final = 20  # groups inside groups

# A name is read between two marks that no name has, so that anchors are letters like others.
START: Final = "\x02"
END: Final = "\x03"
_NAME_BITS: Final = sum(1 << code for code in range(0x20, 0x7F))
START_BIT: Final = 1 << 2
END_BIT: Final = 1 << 3
DOT_BIT: Final = 1 << ord(".")


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
        parts.append(Part(START_BIT | DOT_BIT))
        text = text[2:]
    elif text.startswith("|"):
        parts.append(Part(START_BIT))
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
        parts.append(Part(END_BIT))
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
            return Part(START_BIT)
        if char == "$":
            return Part(END_BIT)
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
