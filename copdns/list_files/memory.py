"""Find how much memory this process may use: the machine's, or the limit of its control group."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def available_memory(cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how much memory this process may use, in octets."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        path = own.read_text().rpartition("::/")[2].strip()  # cgroup v2: 0::/system.slice/...
    except OSError:
        path = ""
    folder = cgroups / path
    for each in (folder, *folder.parents):
        try:
            limit = (each / "memory.max").read_text().strip()
        except OSError:
            continue
        if limit.isdigit():  # otherwise "max"
            found.append(int(limit))
    return min(found)
