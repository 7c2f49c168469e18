"""An upstream that fails half of the time costs replies, and leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.e2e.asking import How, ask_over_udp, message
from tests.e2e.oracle_upstream import started
from tests.running import Program, running
from tests.whole import choose

LOOPBACK = "127.0.0.1"
NAMES = 4000
ROUNDS = choose(5, 3)
WINDOW = 250
NOERROR = 0
FAILURES = {1, 2, 4, 5}  # SERVFAIL, and what the upstream said where it said so


def test_an_upstream_that_fails_half_of_the_time_leaves_nothing_behind(tmp_path: Path) -> None:
    """Thousands of questions, half of them about names for which the upstream is silent or talks
    nonsense: each gets a reply, and neither sockets nor memory add up."""
    short = {"deadline": 0.5, "attempt": 0.2}
    settings = {
        "rebinding": {"allow": ["127.0.0.0/8", "::1/128"]},
        "upstreams": short,
        "cache": {"entries": 0},
    }
    messages = [message(_name(number), 1, How(size=1232)) for number in range(NAMES)]
    with (
        started("failing") as port,
        running(tmp_path, settings, upstreams=[port], forked=False) as program,
    ):
        used, rcodes = [], Counter[int]()
        for _ in range(ROUNDS):
            replies = ask_over_udp((LOOPBACK, program.port), LOOPBACK, messages, WINDOW)
            rcodes.update(reply[3] & 0xF for reply in replies)
            used.append((_descriptors(program), _resident(program)))
        assert program.process.poll() is None
    assert rcodes.total() == ROUNDS * NAMES
    assert NAMES * ROUNDS / 4 < rcodes[NOERROR] < NAMES * ROUNDS * 0.6
    assert set(rcodes) <= {NOERROR, *FAILURES}
    assert max(descriptors for descriptors, _ in used) < 200
    assert used[-1][1] - used[0][1] < 15 << 10


def _name(number: int) -> bytes:
    label = b"n%d" % number
    return bytes([len(label)]) + label + b"\x07example\0"


def _descriptors(program: Program) -> int:
    return len(list(Path(f"/proc/{program.process.pid}/fd").iterdir()))


def _resident(program: Program) -> int:
    """Return the memory it takes, in KiB."""
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
