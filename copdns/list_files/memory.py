"""How much memory this process may use, as the machine or its control group says."""

from __future__ import annotations

import os
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def memory(cgroups: Path = CGROUPS, own: Path = Path("/proc/self/cgroup")) -> int:
    """Return how much memory we may use, in octets: the machine's, or a container's limit."""
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
