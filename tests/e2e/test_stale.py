"""Upstreams that fall silent: what a device at home sees of it, and when they come back."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import dns.rrset

from tests.e2e.house import ROOT, House, eventually, house
from tests.upstream_server import Asked, reply_to, silent

HOME = ROOT / "config" / "home.yaml"
STALE = 3


def brief(asked: Asked) -> list[bytes]:
    """Answer for two seconds."""
    reply = reply_to(asked, records=False)
    reply.authority.clear()
    reply.answer.append(dns.rrset.from_text(asked.name, 2, "IN", "A", "127.0.0.7"))
    return [reply.to_wire()]


def seconds_of(home: House, name: str) -> tuple[float, int]:
    """Ask for a name; return how long that took, and the code of what is said with it."""
    began = monotonic()
    reply = home.ask(name)
    assert reply.data == ["127.0.0.7"]
    return monotonic() - began, reply.ede[0] if reply.ede else 0


def test_a_house_whose_upstream_is_gone_goes_on_with_what_it_knows(tmp_path: Path) -> None:
    names = ("book.example", "film.example")
    with house(tmp_path, HOME, says=dict.fromkeys(names, brief)) as home:
        for name in names:
            assert seconds_of(home, name)[1] == 0
        for name in names:
            home.upstream.says[name] = silent
        took: list[float] = []

        def is_stale() -> bool:
            seconds, code = seconds_of(home, names[0])
            took.append(seconds)
            return code == STALE

        eventually(is_stale)
        assert 1.4 < took[-1] < 1.8
        for name in names:
            seconds, code = seconds_of(home, name)
            assert (seconds < 0.5, code) == (True, STALE)
        for name in names:
            home.upstream.says[name] = brief
        eventually(lambda: seconds_of(home, names[1])[1] == 0)
        assert home.metrics()["copdns_cache_stale_total"] >= 3
