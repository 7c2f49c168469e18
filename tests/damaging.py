"""Ways to damage a file, each at many places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

PLACES = 50
PAGE = 4096


class Damage(NamedTuple):
    """One damage.  way: "flip" an octet, "page" overwritten, "cut" or "empty".  place: 0 to 1, of
    the file's length."""

    way: str
    place: float

    def apply(self, path: Path) -> None:
        """Damage a file in its place: whoever has it open sees it too."""
        size = path.stat().st_size
        at = min(int(size * self.place), max(size - 1, 0))
        with path.open("r+b") as file:
            if self.way == "flip":
                file.seek(at)
                octet = file.read(1)
                file.seek(at)
                file.write(bytes([octet[0] ^ 0x10]) if octet else b"")
            elif self.way == "page":
                file.seek(at - at % PAGE)
                file.write(b"\xa5" * min(PAGE, size))
            else:
                file.truncate(at if self.way == "cut" else 0)

    def __str__(self) -> str:
        return f"{self.way} at {self.place:.0%}"


def damages(places: int = PLACES) -> Iterator[Damage]:
    """Yield each way at so many places; a file is emptied once."""
    for way, number in product(("flip", "page", "cut"), range(places)):
        yield Damage(way, number / places)
    yield Damage("empty", 0.0)
