"""Who made a network card, by the first half of its MAC address.

The IEEE gives these halves to makers.  Its list is not part of copdns: where the machine has it, as
with Debian's package ieee-data, a line of it is read when somebody opens a page with an unknown
device.  A random address has no maker.
"""

from __future__ import annotations

import mmap
from pathlib import Path

from copdns.model.addresses import is_private_mac

LIST = Path("/usr/share/ieee-data/oui.txt")  # where Debian has it
_LINE = 400  # octets of a line that are read
_LONGEST = 60  # characters of a name that are shown


def maker_of(mac: str, path: Path = LIST) -> str:
    """Return the maker; "" where nobody knows.  mac: such as "02:00:00:00:00:01"."""
    if not mac or is_private_mac(mac):
        return ""
    wanted = mac.replace(":", "").upper()[:6].encode() + b"     (base 16)"
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return _rest_of_line(text, wanted)
    except (OSError, ValueError):  # there is no list; it is empty
        return ""


def _rest_of_line(text: mmap.mmap, wanted: bytes) -> str:
    at = text.find(wanted)
    if at < 0:
        return ""
    line = text[at + len(wanted) : at + len(wanted) + _LINE].partition(b"\n")[0]
    name = " ".join(line.decode("utf-8", "replace").split())
    return name[:_LONGEST] if name.isprintable() else ""
