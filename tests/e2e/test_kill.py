"""A power cut, as far as a test can make one: the process is killed at its busiest."""

from __future__ import annotations

import socket
from bisect import bisect_left
from pathlib import Path
from threading import Thread
from time import monotonic

import dns.message

from tests.e2e.house import MIA, eventually, house

MOST = 50_000  # questions: a bound, in case nobody stops the load
NEW = 5  # every fifth question is for a name that was not asked before
LOST = 1.0  # seconds of the log that may be lost

FAMILY = {
    "id": "home",
    "profiles": {"mia": {"band": "7-9", "devices": {"mia-tablet": [MIA]}}},
    "block": ["games.example"],
}


class Load(Thread):
    """Asks one blocked name after another, and remembers when each was answered."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.answered: list[float] = []
        self._port = port

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.connect((MIA, self._port))
            for number in range(MOST):
                try:
                    sock.send(dns.message.make_query(name(number), "A").to_wire())
                    sock.recv(4096)
                except (ConnectionRefusedError, TimeoutError):  # it was killed
                    return
                self.answered.append(monotonic())


def name(number: int) -> str:
    """Return what is asked: a new name now and then, since a row keeps a name once."""
    return f"n{number}.games.example" if number % NEW == 0 else "games.example"


def test_a_killed_program_lost_no_setting_and_at_most_a_second_of_the_log(tmp_path: Path) -> None:
    saved = []
    with house(tmp_path, household=FAMILY) as home:
        load = Load(home.program.port)
        load.start()
        for number in range(3):
            home.command("rule", "add", "block", f"film-{number}.example")
            saved.append(f"film-{number}.example")
        # So that there is a time whose rows must all be there, also on a fast machine.
        eventually(lambda: bool(load.answered) and monotonic() - load.answered[0] > 2 * LOST)
        home.program.process.kill()
        killed = monotonic()
        load.join()

    assert load.answered[0] < killed - LOST  # or this would show nothing
    surely = bisect_left(load.answered, killed - LOST)
    rows = {logged.row.qname for logged in home.log.rows("home", "mia", MOST)}
    assert {name(number) for number in range(surely)} <= rows
    assert surely <= home.written()[1] <= len(load.answered) + 1

    with house(tmp_path, household=FAMILY) as home:
        assert all(home.ask(each).ede == (17, f"rule: {each}") for each in saved)
        before = home.written()[1]
        home.ask("games.example")
        eventually(lambda: home.written()[1] > before)
