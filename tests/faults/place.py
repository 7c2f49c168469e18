"""A family whose program has two upstreams behind proxies, and who asks while something fails."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from urllib.error import HTTPError

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.rrset
from click.testing import CliRunner

from copdns.app.help_chores import FILE
from copdns.cli import main
from tests.conftest import find_tool
from tests.e2e.curious import help_file
from tests.e2e.house import MIA, POINTS_HOME, TOM, House, Reply, eventually
from tests.e2e.upstream import upstream
from tests.faults.page import Row, row, says
from tests.faults.proxy import FaultProxy, fault_proxy
from tests.running import PATIENCE, running
from tests.upstream_server import ADDRESS, Asked, data, reply_to

BLOCKED, HELP = "games.example", "www.childline.org.uk"
EDE_BLOCKED = (17, f"rule: {BLOCKED}")
FAMILY = {
    "id": "home",
    "profiles": {
        "mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}, "categories": ["games"]},
        "tom": {"band": "13-15", "devices": {"tom-phone": [TOM]}},
    },
    "block": [BLOCKED],
    "protected": ["school.example"],
}
EVERY = 0.05  # seconds between two questions of those that are asked meanwhile
AT_ONCE = 1.0  # seconds, with room for a machine that runs other tests too
STALE = 3  # RFC 8914


def brief(asked: Asked) -> list[bytes]:
    """Answer for two seconds, so that what is known has soon expired."""
    reply = reply_to(asked, records=False)
    reply.authority.clear()
    reply.answer.append(dns.rrset.from_text(asked.name, 2, "IN", "A", ADDRESS))
    return [reply.to_wire()]


@dataclass
class Place:
    """first, second: the proxies before the upstreams.  file: the settings, with its sections."""

    home: House
    first: FaultProxy
    second: FaultProxy
    file: Path
    settings: Mapping[str, object]

    @contextmanager
    def assert_shown(self, name: str) -> Iterator[None]:
        """Hold what the page says of a fault against what is shown after it was injected.

        What is injected in here is what the proxies heal from at the end.
        """
        before = self.home.metrics()
        try:
            yield
            self._assert_shows(row(name), before)
        finally:
            self.first.heal()
            self.second.heal()

    def _assert_shows(self, expected: Row, before: Mapping[str, float]) -> None:
        """Wait until metrics and `/readyz` are as the page says, and `doctor` is too."""
        wrong: list[str] = [""]

        def agrees() -> bool:
            wrong[:] = [*self._wrong_metrics(expected, before), *self._wrong_readiness(expected)]
            return not wrong

        try:
            eventually(agrees)
        except AssertionError:
            raise AssertionError("; ".join(wrong)) from None
        said = self._doctor()
        for status, text in expected.findings:
            assert says(said, f"{status}..." * bool(status) + text), (text, said)
        self._assert_repairs(expected)

    def _doctor(self, *options: str) -> str:
        program = self.home.program
        if "LD_PRELOAD" in program.environment:  # a clock that this process has not
            return program.command("doctor", *options).stdout
        return command(self.home, "doctor", *options)

    def _assert_repairs(self, expected: Row) -> None:
        """Check that `doctor` says what to do about each bad finding of the page."""
        if not any(status in ("warn", "fail") for status, _ in expected.findings):
            return
        found = json.loads(self._doctor("--json"))["findings"]
        for status, text in expected.findings:
            fitting = [
                each
                for each in found
                if each["status"] == status and says(f"{each['about']}: {each['what']}", text)
            ]
            assert status in ("", "ok") or any(each["todo"] for each in fitting), (text, found)

    def _wrong_metrics(self, expected: Row, before: Mapping[str, float]) -> Iterator[str]:
        now = self.home.metrics()
        for name in expected.grows:
            if total(now, name) <= total(before, name):
                yield f"{name} did not grow"
        for name, value in expected.values:
            if value not in samples(now, name):
                yield f"{name} is {samples(now, name)}"

    def _wrong_readiness(self, expected: Row) -> Iterator[str]:
        ready, said = readiness(self.home)
        is_right = all(says(said, each) for each in expected.texts)
        if expected.ready not in (None, ready) or not is_right:
            yield f"/readyz says {said!r}"

    @property
    def proxies(self) -> tuple[FaultProxy, FaultProxy]:
        return self.first, self.second

    def recover(self) -> None:
        """Let both upstreams work, and the program know nothing bad of them.

        It would come to know that by itself, up to a minute later; at another port they are others.
        """
        self.home.upstream.says = {"": data}
        for each in self.proxies:
            each.heal()
        if total(self.home.metrics(), "copdns_upstream_failures"):
            for each in self.proxies:
                each.move()
            self.configure()

    def configure(self, **sections: Mapping[str, object]) -> None:
        """Reload with other sections than those that the program was started with."""
        usual = {"upstreams": {"servers": [f"127.0.0.1:{each.port}" for each in self.proxies]}}
        self.file.write_text(json.dumps({**self.settings, **usual, **sections}))
        self.home.program.reload()


def samples(metrics: Mapping[str, float], name: str) -> list[float]:
    """Return the values of a metric with all labels; counters end in _total."""
    names = (name, f"{name}_total", f"{name}_count")
    return [value for key, value in metrics.items() if key.partition("{")[0] in names]


def total(metrics: Mapping[str, float], name: str) -> float:
    return sum(samples(metrics, name))


def readiness(home: House) -> tuple[bool, str]:
    """Return whether `/readyz` answers 200, and what it says."""
    try:
        return True, home.program.get("/readyz")
    except HTTPError as error:
        with error:
            return False, error.read().decode()


def command(home: House, *words: str) -> str:
    """Return what a command says, whether or not it worked; it is run in this process."""
    runner = CliRunner(env=home.program.environment)
    return runner.invoke(main, [*map(str, home.program.options), *words]).output


def fresh(word: str) -> str:
    """Return a name that was not asked before."""
    return f"{word}-{next(_numbers)}.example"


_numbers = iter(range(1 << 30))


def timed(home: House, name: str, source: str = MIA) -> tuple[float, Reply]:
    began = monotonic()
    reply = home.ask(name, source=source)
    return monotonic() - began, reply


def dig(home: House, name: str, *words: str) -> str:
    """Ask as dig does, and return what it shows."""
    where = ["@127.0.0.1", "-p", str(home.program.port), "+tries=1", "+time=8"]
    done = subprocess.run(
        [find_tool("dig"), *where, name, *words], capture_output=True, text=True, check=False
    )
    return done.stdout


@dataclass
class Asking(Thread):
    """Asks for what must be answered whatever happens, again and again, until it is told to stop.

    slowest: seconds of the slowest reply; wrong: what was not as it should be.
    """

    port: int
    slowest: float = 0.0
    count: int = 0
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.enough = Event()

    __hash__ = Thread.__hash__

    def run(self) -> None:
        while not self.enough.wait(EVERY):
            name = (BLOCKED, HELP)[self.count % 2]
            query, began = dns.message.make_query(name, "A", use_edns=0), monotonic()
            try:
                reply = dns.query.udp(query, MIA, PATIENCE, port=self.port, source=MIA)
            except (OSError, dns.exception.DNSException) as error:
                self.wrong.append(f"{name}: {error!r}")
                continue
            self.slowest = max(self.slowest, monotonic() - began)
            self.count += 1
            answer = Reply(reply)
            right = answer.ede == EDE_BLOCKED if name == BLOCKED else bool(answer.data)
            if not right:
                self.wrong.append(f"{name}: {reply}")


@contextmanager
def asking(home: House, within: float = AT_ONCE) -> Iterator[Asking]:
    """Let a blocked name and a help name be asked meanwhile: each reply is right and in time."""
    thread = Asking(home.program.port)
    thread.start()
    try:
        yield thread
        eventually(lambda: thread.count > 1 or thread.wrong)
    finally:
        thread.enough.set()
        thread.join()
    assert not thread.wrong, thread.wrong[:3]
    assert thread.slowest < within


@contextmanager
def place(
    folder: Path,
    settings: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    under: tuple[str | Path, ...] = (),
    family: Mapping[str, object] = FAMILY,
) -> Iterator[Place]:
    """Start the family's program; what it knows of help names was stored by an earlier run."""
    (folder / "data").mkdir(exist_ok=True, mode=0o700)
    if not (folder / "data" / FILE).exists():
        (folder / "data" / FILE).write_bytes(help_file())
    written = folder / "household.yaml"
    written.write_text(json.dumps(family))  # JSON is YAML
    with ExitStack() as stack:
        behind = stack.enter_context(upstream())
        proxies = [stack.enter_context(fault_proxy(behind.address.port)) for _ in range(2)]
        sections = {
            "dns": {"listen": ["127.0.0.1"]},
            "web": {"listen": ["127.0.0.1"]},
            "upstreams": {"servers": [f"127.0.0.1:{each.port}" for each in proxies]},
            **(settings or {}),
            "household": str(written),
        }
        program = stack.enter_context(
            running(
                folder,
                sections,
                under=under,
                environment={**POINTS_HOME, **(environment or {})},
                forked=False,
            )
        )
        home = House(program, behind, folder / "data")
        yield Place(home, *proxies, folder / "copdns.yaml", sections)
