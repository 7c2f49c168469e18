"""A curious brother: he asks for a name to find out whether somebody else just asked for it.

`python -m tests.e2e.curious [TRIALS]` runs it in full: 10,000 trials, in each of which a coin
decides whether another device asks 10 ms to 1 s before him.  That takes about an hour.
"""

from __future__ import annotations

import math
import random
import socket
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from time import perf_counter, sleep, time
from typing import NamedTuple

import dns.flags
import dns.message
import dns.rrset

from copdns.app.help_chores import FILE
from copdns.dns.help_answers import HelpKey, StoredAnswer, help_keys, pack
from copdns.list_files.load import load_catalogue
from copdns.model.matchers import MatchKind
from tests.e2e.house import MIA, TOM, House, house
from tests.running import PATIENCE
from tests.upstream_server import Way

ADDRESS = "203.0.113.1"  # of every help name, as the last run of the program got it
QUESTIONS = 20  # that he may send in each trial
BINS = 6  # into which the classifier divides times

# Mia's telephone: a process of its own, so that nothing it does makes his sooner or later.
_PHONE = f"""
import socket, sys
phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
phone.bind(({MIA!r}, 0))
phone.connect(("127.0.0.1", int(sys.argv[1])))
phone.settimeout(5)
for line in sys.stdin:
    if line.strip():
        phone.send(bytes.fromhex(line))
        phone.recv(4096)
"""


class Trial(NamedTuple):
    """What he saw of a name, and what he wants to know: whether somebody had asked for it.

    plain: everything but times.  seconds: from question to answer, of each.
    """

    name: str
    asked: bool
    plain: tuple[Hashable, ...]
    seconds: tuple[float, ...]


# --- the home ------------------------------------------------------------------------------------


@contextmanager
def home_with_help(
    folder: Path, says: Mapping[str, Way] | None = None, file: bytes | None = None
) -> Iterator[House]:
    """Run the real program with the answers for all help names, as after its first minute.

    says: how the upstream answers, by name.  file: with other octets in the answers' file.
    """
    leave_help_file(folder / "data", help_file() if file is None else file)
    family = {
        "id": "home",
        "profiles": {
            "mia": {"band": "7-9", "devices": {"mia-phone": [MIA]}},
            "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}},
        },
    }
    with house(folder, {}, family, says) as home:
        yield home


def leave_help_file(data: Path, octets: bytes) -> None:
    """Leave a file of answers in a new data folder, as the last run of the program did."""
    data.mkdir(mode=0o700)
    (data / FILE).write_bytes(octets)


@cache
def help_file(address: str = ADDRESS) -> bytes:
    """Return a file with an answer to every question about help names; all have one address."""
    keys = help_keys(load_catalogue(()).help_names)
    return pack({key: _stored(key, address) for key in keys})


def _stored(key: HelpKey, address: str) -> StoredAnswer:
    query = dns.message.make_query(key.qname, key.qtype)
    reply = dns.message.make_response(query, recursion_available=True)
    if key.qtype == 1:
        reply.answer.append(dns.rrset.from_text(f"{key.qname}.", 300, "IN", "A", address))
    else:
        soa = "ns.example. mail.example. 1 3600 1200 604800 60"
        reply.authority.append(dns.rrset.from_text(f"{key.qname}.", 300, "IN", "SOA", soa))
    return StoredAnswer(int(time()), b"\0\0" + reply.to_wire()[2:])


def help_names() -> list[str]:
    return [
        each.name for each in load_catalogue(()).help_names if each.match is not MatchKind.BELOW
    ]


# --- one trial after another ---------------------------------------------------------------------


def run_trials(
    home: House,
    number: int,
    name: Callable[[], str],
    gap: Callable[[], float],
    chance: random.Random,
) -> list[Trial]:
    """Return what he saw.  name: the next one; gap: seconds between the other and him."""
    port = home.program.port
    with (
        subprocess.Popen(
            [sys.executable, "-c", _PHONE, str(port)], stdin=subprocess.PIPE, text=True
        ) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as brother,
    ):
        assert phone.stdin is not None
        brother.bind((TOM, 0))
        brother.connect(("127.0.0.1", port))
        brother.settimeout(PATIENCE)
        trials = []
        for _ in range(number):
            about = name()
            questions = _questions(about)
            asked = chance.random() < 0.5
            phone.stdin.write(f"{_wire(about).hex()}\n" if asked else "\n")
            phone.stdin.flush()
            sleep(gap())
            trials.append(_look(brother, about, questions, asked=asked))
        phone.stdin.close()
    return trials


def _questions(name: str) -> list[bytes]:
    """Return what he asks: for what is known already, for all types, and over and over."""
    kinds = [
        _wire(name, flags=0),
        _wire(name),
        _wire(name, "AAAA"),
        _wire(name, "HTTPS"),
        _wire(name, want_dnssec=True),
        _wire(f"www.{name}"),
        _wire(name, flags=dns.flags.RD | dns.flags.CD),
        _wire(name, use_edns=False),
    ]
    return [*kinds, *(kinds[1] for _ in range(QUESTIONS - len(kinds)))]


def _wire(name: str, rtype: str = "A", **more: object) -> bytes:
    more.setdefault("use_edns", 0)
    query = dns.message.make_query(name, rtype, id=7, **more)  # type: ignore[arg-type]
    return query.to_wire()


def _look(brother: socket.socket, name: str, questions: Sequence[bytes], *, asked: bool) -> Trial:
    replies, seconds = [], []
    for question in questions:
        began = perf_counter()
        brother.send(question)
        replies.append(brother.recv(4096))
        seconds.append(perf_counter() - began)
    return Trial(name, asked, tuple(_plain(each) for each in replies), tuple(seconds))


def _plain(reply: bytes) -> Hashable:
    """Return rcode and flags, size, and the TTLs of a reply."""
    message = dns.message.from_wire(reply)
    ttls = [rrset.ttl for section in message.sections[1:] for rrset in section]
    return message.rcode(), message.flags, len(reply), tuple(ttls)


# --- the classifier ------------------------------------------------------------------------------


def share_right(trials: Sequence[Trial]) -> float:
    """Return how often a classifier is right that was trained on the other half of the trials.

    Each half is the other one's training in turn.  It counts, for each thing that can be seen, how
    often it came with and without somebody before (naive Bayes, with times in `BINS` ranges).
    """
    halves = trials[::2], trials[1::2]
    right = sum(
        _guess(model, each) is each.asked
        for training, other in (halves, halves[::-1])
        for model in (_train(training),)
        for each in other
    )
    return right / len(trials)


class Model(NamedTuple):
    edges: list[list[float]]  # of the ranges of each time
    seen: dict[bool, list[Counter[Hashable]]]  # of each feature, by whether somebody had asked
    number: dict[bool, int]


def _train(trials: Sequence[Trial]) -> Model:
    times = list(zip(*(_times(each) for each in trials), strict=True))
    edges = [
        [sorted(each)[len(each) * place // BINS] for place in range(1, BINS)] for each in times
    ]
    seen: dict[bool, list[Counter[Hashable]]] = {False: [], True: []}
    number: dict[bool, int] = defaultdict(int)
    for trial in trials:
        number[trial.asked] += 1
    for asked, counters in seen.items():
        rows = [_features(each, edges) for each in trials if each.asked is asked]
        counters += [Counter(column) for column in zip(*rows, strict=True)]
    return Model(edges, seen, number)


def _guess(model: Model, trial: Trial) -> bool:
    score = dict.fromkeys(model.seen, 0.0)
    features = _features(trial, model.edges)
    for feature, *counters in zip(features, *model.seen.values(), strict=True):
        values = len(counters[0].keys() | counters[1].keys() | {feature})
        for asked, counter in zip(model.seen, counters, strict=True):
            score[asked] += math.log((counter[feature] + 1) / (model.number[asked] + values))
    return score[True] > score[False]


def _times(trial: Trial) -> list[float]:
    ordered = sorted(trial.seconds)
    middle = ordered[len(ordered) // 2]
    more = [ordered[0], middle, sum(trial.seconds), trial.seconds[1] - middle]
    return [*trial.seconds, *more]


def _features(trial: Trial, edges: Sequence[Sequence[float]]) -> list[Hashable]:
    ranges = (
        sum(value >= edge for edge in each)
        for value, each in zip(_times(trial), edges, strict=True)
    )
    return [*trial.plain, *ranges]


def without_times(trials: Sequence[Trial]) -> list[Trial]:
    return [each._replace(seconds=(0.0,) * len(each.seconds)) for each in trials]


# --- in full -------------------------------------------------------------------------------------


def next_of(names: Sequence[str], chance: random.Random) -> Callable[[], str]:
    """Return what gives the names in random order, over and over."""

    def every() -> Iterator[str]:
        while True:
            yield from chance.sample(names, len(names))

    return every().__next__


def new_names() -> Callable[[], str]:
    """Return what gives ordinary names, each once."""
    return (f"site-{number:06}.example" for number in count()).__next__


def log_uniform(low: float, high: float, chance: random.Random) -> Callable[[], float]:
    return lambda: math.exp(chance.uniform(math.log(low), math.log(high)))


def main() -> None:
    number, chance = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, random.Random()
    gap = log_uniform(0.01, 1.0, chance)
    with (
        tempfile.TemporaryDirectory() as folder,
        home_with_help(Path(folder)) as home,
    ):
        seen = run_trials(home, number, next_of(help_names(), chance), gap, chance)
        print(f"help names: right in {share_right(seen):.1%} of {number} trials")
        others = run_trials(home, max(number // 10, 100), new_names(), gap, chance)
        print(f"ordinary names: right in {share_right(others):.1%} of {len(others)} trials")
        plain = share_right(without_times(others))
        print(f"ordinary names, without their times: right in {plain:.1%}")


if __name__ == "__main__":
    main()
