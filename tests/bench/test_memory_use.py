"""What counts for which room, and what a module takes without what it imports."""

from __future__ import annotations

from tests.bench.import_meter import Meter
from tests.bench.memory_use import PYTHON, by_kind, by_room

SMAPS = """\
55d0c0a00000-55d0c0a6d000 r--p 00000000 fe:00 1 /usr/bin/python3.13
Size:                436 kB
Rss:                 400 kB
Pss:                  40 kB
7f2a4c000000-7f2a4c021000 rw-p 00000000 00:00 0
Rss:                 100 kB
55d0c1e00000-55d0c2a00000 rw-p 00000000 00:00 0                          [heap]
Rss:                  20 kB
7f2a4d000000-7f2a4d100000 r-xp 00000000 fe:00 2 /usr/lib/libcrypto.so.3
Rss:                  30 kB
7f2a4e000000-7f2a4e100000 r--s 00000000 fe:00 3 /data/lists/index/2f.index
Rss:                   7 kB
"""


def test_what_is_resident_is_told_by_what_it_is_for() -> None:
    assert by_kind(SMAPS) == {
        "Python": 400 << 10,
        "objects, heap and stacks": 120 << 10,
        "the file libcrypto": 30 << 10,
        "other files": 7 << 10,
    }


def test_a_module_counts_for_its_room_or_library() -> None:
    octets = {"copdns.dns.wire": 5.0, "copdns.dns.cache": 4.0, "json.decoder": 2.0, "yaml": 20.0}
    assert by_room(octets) == {
        "yaml": ["yaml"],
        "copdns/dns": ["copdns.dns.wire", "copdns.dns.cache"],
        PYTHON: ["json.decoder"],
    }


def test_what_a_module_imports_counts_for_that_alone() -> None:
    taken = 0.0

    def take(more: float) -> None:
        nonlocal taken
        taken += more

    meter = Meter(lambda: taken)

    def load() -> None:
        take(2.0)
        meter.measure("imported", lambda: take(30.0))
        take(1.0)

    meter.measure("importing", load)
    assert meter.own == {"imported": 30.0, "importing": 3.0}
