"""The load generator believes nobody: it counts what is wrong, late, lost or was not asked for."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdatatype import AAAA

from tests.bench.build import BenchError, Programs
from tests.bench.load import Generator, Load, kind
from tests.bench.machine import this_machine
from tests.serving import serving

DELAY = 0.06  # seconds of the late answer; late is what takes longer than 50 ms
PLACES = {f"127.{device}.0.0" for device in range(1, 11)}


UPSTREAM = {"A": "192.0.2.1", "AAAA": "2001:db8::1", "HTTPS": '1 . alpn="h2"'}


def address(query: dns.message.Message, text: str = "") -> dns.message.Message:
    reply = dns.message.make_response(query)
    kind = dns.rdatatype.to_text(query.question[0].rdtype)
    record = text or UPSTREAM[kind]
    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", kind, record))
    return reply


def rcode(query: dns.message.Message, value: dns.rcode.Rcode) -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.set_rcode(value)
    return reply


def of_another(query: dns.message.Message) -> dns.message.Message:
    other = dns.message.make_query("other.example", "A", id=query.id)
    return address(other)


Answer = Callable[[dns.message.Message], dns.message.Message]
ANSWERS: dict[str, Answer] = {
    "address": address,
    "nodata": dns.message.make_response,
    "nxdomain": lambda query: rcode(query, dns.rcode.NXDOMAIN),
    "null": lambda query: address(query, "::" if query.question[0].rdtype == AAAA else "0.0.0.0"),
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
    queries: list[dns.message.Message] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])

    def serve(self) -> None:
        while wire := self._receive():
            query = dns.message.from_wire(wire[0])
            name = query.question[0].name.to_text(omit_final_dot=True)
            self.queries.append(query)
            self.asked.append((wire[1][0], name))
            self._answer(name.partition(".")[0].lower(), query, wire[1])

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
def scripted(place: str = "127.0.0.1") -> Iterator[Scripted]:
    family = socket.AF_INET6 if ":" in place else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((place, 0))
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


def test_who_never_sleeps_hears_the_same(generator: Generator, questions: Path) -> None:
    lines = ["address.example address", "late.example address"]
    load = asked_once(generator, questions, lines, "-r")
    assert (load.answered, load.late, load.wrong) == (2, 1, 0)


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


def recorded(generator: Generator, questions: Path, *options: str) -> list[dns.message.Message]:
    """Return the queries for one name, asked so often that chance must show."""
    questions.write_text("address.chance.example address\n")
    with scripted() as server:
        load = generator.run(server.port, "-f", questions, "-n", "60", "-s", "5", *options)
        assert (load.answered, load.wrong) == (60, 0), load.first_wrong
        return server.queries


def test_every_type_of_a_name_is_asked_by_the_same_device(
    generator: Generator, questions: Path
) -> None:
    questions.write_text("address.a.example address\nnull.b.example blocked\n")
    with scripted() as server:
        load = generator.run(server.port, "-f", questions, "-n", "6", "-y", "A,AAAA", "-w", "1")
        asked = [
            (place, name, dns.rdatatype.to_text(query.question[0].rdtype))
            for (place, name), query in zip(server.asked, server.queries, strict=True)
        ]
    assert load.wrong == 0, load.first_wrong
    assert sorted(asked)[:4] == [
        ("127.1.0.1", "address.a.example", "A"),
        ("127.1.0.1", "address.a.example", "AAAA"),
        ("127.2.0.1", "null.b.example", "A"),
        ("127.2.0.1", "null.b.example", "AAAA"),
    ]


@pytest.mark.parametrize("how", ["address", "nodata", "elsewhere"])
def test_an_https_record_is_what_the_upstream_has_or_it_is_wrong(
    generator: Generator, questions: Path, how: str
) -> None:
    other = ANSWERS[how] if how != "elsewhere" else lambda query: address(query, "1 . alpn=h3")
    questions.write_text(f"{how}.example address\n")
    with scripted() as server, patched(how, other):
        load = generator.run(server.port, "-f", questions, "-n", "1", "-y", "HTTPS")
    assert load.wrong == (how != "address")


@contextmanager
def patched(how: str, answer: Answer) -> Iterator[None]:
    usual = ANSWERS[how]
    ANSWERS[how] = answer
    try:
        yield
    finally:
        ANSWERS[how] = usual


def test_letters_are_mixed_anew_in_every_question(generator: Generator, questions: Path) -> None:
    names = [
        each.question[0].name.to_text() for each in recorded(generator, questions, "-e", "case")
    ]
    assert {name.lower() for name in names} == {"address.chance.example."}
    assert len(set(names)) > 50


def test_edns_asks_for_signatures_and_cookies_stay_with_their_device(
    generator: Generator, questions: Path
) -> None:
    plain = recorded(generator, questions)
    signed = recorded(generator, questions, "-e", "do")
    with_cookies = recorded(generator, questions, "-e", "cookie")
    assert {each.edns for each in plain} == {-1}
    assert {(each.edns, each.payload, each.ednsflags) for each in signed} == {
        (0, 1232, dns.flags.DO)
    }
    cookies = [
        option.client
        for each in with_cookies
        for option in each.options
        if option.otype == dns.edns.OptionType.COOKIE
    ]
    assert len(cookies) == 60
    assert len(set(cookies)) == 5
    assert {each.ednsflags for each in with_cookies} == {0}


def test_over_ipv6_everything_comes_from_one_address(generator: Generator, questions: Path) -> None:
    questions.write_text("address.example address\n")
    with scripted("::1") as server:
        load = generator.run(server.port, "-f", questions, "-n", "30", "-6")
        assert {place for place, _ in server.asked} == {"::1"}
    assert (load.answered, load.wrong, load.strays) == (30, 0, 0)


class Stream(socketserver.StreamRequestHandler):
    """Answers over TCP, each in two parts; may hang up in place of every twentieth answer."""

    server: Streams

    def handle(self) -> None:
        self.server.places.append(self.client_address[0])
        while size := self.rfile.read(2):
            query = dns.message.from_wire(self.rfile.read(int.from_bytes(size, "big")))
            self.server.count += 1
            if self.server.count % 20 == 0 and self.server.hangs_up:
                return
            wire = address(query).to_wire()
            self.wfile.write(len(wire).to_bytes(2, "big") + wire[:7])
            self.wfile.write(wire[7:])


class Streams(socketserver.ThreadingTCPServer):
    """hangs_up: whether it does; places: who connected, each time; count: of questions."""

    hangs_up = False
    count = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Stream)
        self.places: list[str] = []


@contextmanager
def streams(*, hang_up: bool) -> Iterator[Streams]:
    with serving(Streams(), 0.01) as server:
        server.hangs_up = hang_up
        yield server


def test_connections_stay_open_and_each_is_of_one_device(
    generator: Generator, questions: Path
) -> None:
    questions.write_text("address.example address\n")
    with streams(hang_up=False) as server:
        load = generator.run(
            server.server_address[1], "-f", questions, "-n", "40", "-T", "-c", "2", "-w", "8"
        )
        places = sorted(server.places)
    assert (load.sent, load.answered, load.wrong, load.closed) == (40, 40, 0, 0)
    assert places == ["127.1.0.1", "127.2.0.1"]


def test_what_waits_on_a_connection_that_is_closed_is_lost_and_another_is_opened(
    generator: Generator, questions: Path
) -> None:
    questions.write_text("address.example address\n")
    with streams(hang_up=True) as server:
        load = generator.run(
            server.server_address[1], "-f", questions, "-n", "50", "-T", "-c", "1", "-w", "2"
        )
    assert load.closed >= 2
    assert load.sent == load.answered + load.lost == 50
    assert load.lost >= 2


@pytest.mark.parametrize("option", [["-y", "A,MX"], ["-e", "do,padding"], ["-y", ""]])
def test_what_is_not_known_is_no_question(
    generator: Generator, questions: Path, option: list[str]
) -> None:
    questions.write_text("address.example address\n")
    with pytest.raises(BenchError):
        generator.run(1, "-f", questions, *option)


def test_percentiles_are_in_order(generator: Generator, questions: Path) -> None:
    load = asked_once(generator, questions, ["address.example address"] * 500)
    assert 0 < load.p50 <= load.p99 <= load.p999 <= load.max * 1.01


def test_a_single_question_is_judged_by_the_same_kinds() -> None:
    with scripted() as server:
        port = server.port
        said = [kind(port, f"{how}.example") for how in ("address", "null", "servfail")]
    assert said == ["address", "blocked", "error"]
    assert kind(port, "address.example") == ""  # nobody is there any more
