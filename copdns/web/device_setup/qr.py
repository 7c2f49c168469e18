"""Draw a QR code as an SVG path, without style or script, so any page may have it.  Pure."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

import segno

BORDER = 4  # modules on each side (ISO/IEC 18004 section 9.1)


class Qr(NamedTuple):
    """A QR code.  size: modules of a side, with the border.  path: of the dark modules, one unit
    each."""

    size: int
    path: str


def qr(text: str) -> Qr:
    """Return the code of a text, at error correction level Q (25 %)."""
    rows = tuple(segno.make_qr(text, error="q").matrix)
    lines = (_line(row, BORDER + y) for y, row in enumerate(rows))
    return Qr(len(rows) + 2 * BORDER, "".join(lines))


def _line(row: bytearray, y: int) -> str:
    path, x = [], BORDER
    for dark, modules in groupby(row):
        width = len(list(modules))
        if dark:
            path.append(f"M{x} {y}h{width}v1h-{width}z")
        x += width
    return "".join(path)
