"""The code on a card: whole, with its border, and nothing but a path."""

from __future__ import annotations

import re

import segno

from copdns.web.device_setup.qr import BORDER, qr

ADDRESS = "http://why.home.arpa/"


def test_the_path_draws_exactly_the_dark_modules() -> None:
    found = qr(ADDRESS)
    drawn = set()
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", found.path):
        drawn |= {(int(x) + step, int(y)) for step in range(int(width))}
    matrix = segno.make_qr(ADDRESS, error="q").matrix
    dark = {
        (x + BORDER, y + BORDER)
        for y, row in enumerate(matrix)
        for x, module in enumerate(row)
        if module
    }
    assert drawn == dark
    assert found.size == len(matrix) + 2 * BORDER
    assert re.fullmatch(r"[Mhvz0-9 -]+", found.path)
