"""The load generator believes nobody: it counts what is wrong, late, lost or was not asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.message
import dns.rcode
import dns.rrset
import pytest

from tests.bench.build import Programs
from tests.bench.load import Generator, Load, kind
from tests.bench.machine import this_machine

DELAY = 0.06  # seconds of the late answer; late is what takes longer than 50 ms
PLACES = {f"127.{device}.0.0" for device in range(1, 11)}


def address(query: dns.message.Message, text: str = "192.0.2.1") -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", text))
    return reply


def rcode(query: dns.message.Message, value: dns.rcode.Rcode) -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(value)
    return reply


def of_another(query: dns.message.Message) -> dns.message.Message:
    other = dns.message.make_query("other.example", "A", id=query.id)
    return address(other)


Answer = Callable[[dns.message.Message], dns.message.Message]
ANSWERS: Mapping[str, Answer] = {
    "address": address,
    "nodata": dns.message.make_response,
    "nxdomain": lambda query: rcode(query, dns.rcode.NXDOMAIN),
    "null": lambda query: address(query, "0.0.0.0"),
    "elsewhere": lambda query: address(query, "198.51.100.1"),
    "servfail": lambda query: rcode(query, dns.rcode.SERVFAIL),
    "refused": lambda query: rcode(query, dns.rcode.REFUSED),
    "mixed-up": of_another,
    "question": lambda query: query,
}


@dataclass
class Scripted:
    """A server that answers as the first label of a name says: `silent`, `late` and `twice` too."""

    sock: socket.socket
    asked: list[tuple[str, str]] = field(default_factory=list)  # from where, which name

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def serve(self) -> None:
        while wire := self._receive():
            query = dns.message.from_wire(wire[0])
            name = query.question[0].name.to_text(omit_final_dot=True)
            self.asked.append((wire[1][0], name))
            self._answer(name.partition(".")[0], query, wire[1])

    def _receive(self) -> tuple[bytes, tuple[str, int]] | None:
        wire, peer = self.sock.recvfrom(4096)
        return (wire, peer) if wire else None

    def _answer(self, how: str, query: dns.message.Message, peer: tuple[str, int]) -> None:
        wire = ANSWERS.get(how, address)(query).to_wire()
        if how == "late":
            threading.Timer(DELAY, self.sock.sendto, [wire, peer]).start()
        elif how != "silent":
            for _ in range(2 if how == "twice" else 1):
                self.sock.sendto(wire, peer)


@contextmanager
def scripted() -> Iterator[Scripted]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        server = Scripted(sock)
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield server
        finally:
            sock.sendto(b"", sock.getsockname())
            thread.join()


@pytest.fixture
def generator(programs: Programs) -> Generator:
    return Generator(programs.load, this_machine(real_time=False))


def asked_once(generator: Generator, file: Path, lines: list[str], *options: str) -> Load:
    """Ask each line's name, and return what came back."""
    file.write_text("".join(f"{line}\n" for line in lines))
    with scripted() as server:
        return generator.run(server.port, "-f", file, "-n", str(len(lines)), *options)


@pytest.mark.parametrize(
    ("how", "means"),
    [
        ("address", "address"),
        ("nodata", "blocked"),
        ("nxdomain", "blocked"),
        ("null", "blocked"),
        ("elsewhere", "odd"),
        ("servfail", "error"),
        ("refused", "error"),
        ("mixed-up", "odd"),
        ("question", "odd"),
    ],
)
@pytest.mark.parametrize("wanted", ["blocked", "address", "error"])
def test_an_answer_of_another_kind_is_wrong(
    generator: Generator, questions: Path, how: str, means: str, wanted: str
) -> None:
    load = asked_once(generator, questions, [f"{how}.example {wanted}"])
    assert (load.sent, load.answered) == (1, 1)
    assert load.wrong == (means != wanted)
    if load.wrong:
        assert load.first_wrong == f"{how}.example must be {wanted} and is {means}"
        assert load.confused == {f"{wanted} as {means}": 1}


def test_every_lie_among_many_answers_is_counted(generator: Generator, questions: Path) -> None:
    honest = [f"address.n{number}.example address" for number in range(900)]
    lies = [f"nxdomain.n{number}.example address" for number in range(70)]
    lies += [f"address.m{number}.example blocked" for number in range(30)]
    load = asked_once(generator, questions, honest + lies)
    assert (load.answered, load.wrong, load.lost) == (1000, 100, 0)
    assert load.confused == {"address as blocked": 70, "blocked as address": 30}


def test_silence_is_lost_and_nothing_else_is(generator: Generator, questions: Path) -> None:
    lines = ["silent.example address", "address.example address", "silent.a.example blocked"]
    load = asked_once(generator, questions, lines, "-t", "100")
    assert (load.sent, load.answered, load.lost, load.wrong) == (3, 1, 2, 0)


def test_what_takes_longer_than_50_ms_is_late(generator: Generator, questions: Path) -> None:
    lines = ["late.example address", *["address.example address"] * 3]
    load = asked_once(generator, questions, lines)
    assert (load.answered, load.late, load.lost) == (4, 1, 0)
    assert load.max >= DELAY * 1e6
    assert load.p50 < DELAY * 1e6


def test_a_second_answer_counts_for_nothing(generator: Generator, questions: Path) -> None:
    lines = ["twice.example address", "late.example address"]  # the late one keeps it listening
    load = asked_once(generator, questions, lines)
    assert (load.answered, load.strays, load.wrong) == (2, 1, 0)


def test_where_any_answer_will_do_it_must_still_be_to_the_question(
    generator: Generator, questions: Path
) -> None:
    assert asked_once(generator, questions, ["nodata.example address"], "-a").wrong == 0
    assert asked_once(generator, questions, ["mixed-up.example address"], "-a").wrong == 1


def test_questions_come_from_all_over_loopback(generator: Generator, questions: Path) -> None:
    questions.write_text("address.example address\n")
    with scripted() as server:
        generator.run(server.port, "-f", questions, "-n", "300")
        places = {place for place, _ in server.asked}
    assert len(places) == 60
    assert {f"{place.rsplit('.', 2)[0]}.0.0" for place in places} == PLACES


def test_a_name_never_seen_is_asked_once(generator: Generator) -> None:
    with scripted() as server:
        first = generator.run(server.port, "-u", "0", "-n", "1500")
        second = generator.run(server.port, "-u", "1500", "-n", "1500")
        names = {name for _, name in server.asked}
    assert (first.wrong, second.wrong) == (0, 0)
    assert len(names) == 3000
    assert all(name.endswith(".example") for name in names)


def test_an_open_loop_keeps_its_rate_whatever_comes_back(
    generator: Generator, questions: Path
) -> None:
    questions.write_text("silent.example address\n")
    with scripted() as server:
        load = generator.run(
            server.port, "-f", questions, "-q", "1000", "-l", "0.5", "-t", "100", "-w", "1"
        )
    assert load.sent == pytest.approx(500, abs=70)
    assert load.lost == load.sent


def test_percentiles_are_in_order(generator: Generator, questions: Path) -> None:
    load = asked_once(generator, questions, ["address.example address"] * 500)
    assert 0 < load.p50 <= load.p99 <= load.p999 <= load.max * 1.01


def test_a_single_question_is_judged_by_the_same_kinds() -> None:
    with scripted() as server:
        port = server.port
        said = [kind(port, f"{how}.example") for how in ("address", "null", "servfail")]
    assert said == ["address", "blocked", "error"]
    assert kind(port, "address.example") == ""  # nobody is there any more
