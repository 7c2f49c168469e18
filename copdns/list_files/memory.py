"""Find how much memory this process may use: the machine's, or the limit of its control group."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def available_memory(cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how much memory this process may use, in octets."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        groups = own.read_text()
    except OSError:
        groups = ""
    path = groups.rpartition("::/")[2].strip()  # cgroup v2: 0::/system.slice/...
    found += _limits(cgroups / path, "memory.max")
    first = re.search(r"^\d+:memory:/(.*)$", groups, re.MULTILINE)  # v1: 7:memory:/system.slice/...
    found += _limits(cgroups / "memory" / (first[1] if first else ""), "memory.limit_in_bytes")
    return min(found)


def _limits(group: Path, file: str) -> Iterator[int]:
    """Yield the limits of a group and of those above it, in octets."""
    for each in (group, *group.parents):
        try:
            limit = (each / file).read_text().strip()
        except OSError:
            continue
        if limit.isdigit():  # otherwise "max"
            yield int(limit)
