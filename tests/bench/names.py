"""The names of the bench: which are listed, which are not, and in what order they are asked.

A name is made from its number alone, so every machine measures the same, a list of 1,000,000 begins
with the list of 1,000, and a name that is not listed is known to be so without a look.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 20261124
OPEN = 1 << 29  # numbers from here on are in no list
HOT_BLOCKED, HOT_OPEN = 3_000, 7_000
BLOCKED_SHARE = 0.3  # of the questions
QUESTIONS = 200_000  # in the file of the hot set; it is asked over and over
RULED = "ruled.example"  # what the household itself blocks, whatever its lists say
SPARE = 100  # one name in so many is taken out of the changed list

_CONSONANTS, _VOWELS = "bcdfghklmnprstvz", "aeio"
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
_WORDS = ("shop", "online", "24", "media", "best", "club", "app", "live")
_HOSTS = ("www", "m", "api", "cdn1", "login", "secure", "static", "img")
_ZONES = ("com",) * 8 + ("net", "net", "org", "ru", "de", "info", "xyz", "top", "fr", "co-uk")


def name(number: int) -> str:
    """Return the name of a number below 2^30, such as `www.kotazemiba-shop.com.example`.

    Lengths are like those of public lists (11 to 14 letters before the zone, two labels in five
    names out of eight, else three), plus `.example`.  Letters of different numbers differ in the
    label that would be registered, so no name is above or below that of another number.
    """
    mixed = _mixed(number)
    label = "".join(_SYLLABLES[mixed >> shift & 63] for shift in range(0, 30, 6))
    dice = (mixed * 0x9E3779B1 & 0xFFFFFFFF) >> 8
    if dice % 3 == 0:
        label += f"-{_WORDS[dice // 3 % 8]}"
    host = f"{_HOSTS[dice // 64 % 8]}." if dice // 1024 % 8 < 3 else ""
    return f"{host}{label}.{_ZONES[dice // 8192 % len(_ZONES)]}.example"


def _mixed(number: int) -> int:
    """Shuffle the numbers below 2^30: each step can be undone, so no two become the same."""
    mask = (1 << 30) - 1
    number ^= number >> 15
    number = number * 0x2C1B3C6D & mask
    number ^= number >> 13
    number = number * 0x297A2D39 & mask
    return number ^ number >> 15


def listed(count: int) -> Iterator[str]:
    return map(name, range(count))


def changed(count: int, marker: str) -> Iterator[str]:
    """Return the list after an update: without its last hundredth, with one name more."""
    return itertools.chain(listed(count - count // SPARE), [marker])


@dataclass(frozen=True, slots=True)
class HotSet:
    """Files of `name kind` lines for the load generator.

    each: every hot name once, `size` of them.  hot: the hot set as it is asked, over and over;
    hot_blocked: the same of its listed names only.  blocked: one of the listed names.
    """

    each: Path
    size: int
    hot: Path
    hot_blocked: Path
    blocked: str


def write_hot_set(folder: Path, count: int) -> HotSet:
    """Write what is asked of a server that has the first `count` names in its list."""
    chance = random.Random(SEED)
    steady = count - count // SPARE  # in the list before and after an update
    blocked = [name(each) for each in chance.sample(range(steady), min(HOT_BLOCKED, steady))]
    blocked = blocked or [RULED]
    free = [name(OPEN + each) for each in range(HOT_OPEN)]
    each, hot, hot_blocked = (
        folder / f"{kind}-{count}.txt" for kind in ("each", "hot", "hot-blocked")
    )
    lines = [f"{one} blocked" for one in blocked] + [f"{one} address" for one in free]
    chance.shuffle(lines)
    _write(each, lines)
    questions = list(_zipf(chance, blocked, free))
    _write(hot, questions)
    _write(hot_blocked, (each for each in questions if each.endswith(" blocked")))
    return HotSet(each, len(lines), hot, hot_blocked, blocked[0])


def _zipf(chance: random.Random, blocked: Sequence[str], free: Sequence[str]) -> Iterator[str]:
    """Yield questions: first whether it is a blocked one, then which, the n-th with weight 1/n."""
    weights = {
        kind: list(itertools.accumulate(1 / rank for rank in range(1, len(names) + 1)))
        for kind, names in (("blocked", blocked), ("address", free))
    }
    for _ in range(QUESTIONS):
        kind = "blocked" if chance.random() < BLOCKED_SHARE else "address"
        names = blocked if kind == "blocked" else free
        at = bisect.bisect(weights[kind], chance.random() * weights[kind][-1])
        yield f"{names[min(at, len(names) - 1)]} {kind}"


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))
