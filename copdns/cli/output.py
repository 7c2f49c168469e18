"""How commands print: aligned tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

import click

from copdns.as_json.plain import plain

Row = Sequence[str]
T = TypeVar("T")

_LATEST = 253_370_764_800  # the year 9999: a year more would overflow in some zone


def print_json(value: object) -> None:
    """Print one JSON document; values of the model become texts, lists and objects."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    click.echo(text.encode())  # JSON is UTF-8, whatever the terminal speaks (RFC 8259 section 8.1)


def local(at: float, timezone: str) -> str:
    """Return a moment for people, in the household's zone."""
    near = min(max(at, 0), _LATEST)
    return f"{datetime.fromtimestamp(near, ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def safe(text: str) -> str:
    """Return a text that cannot steer a terminal: people and devices wrote it."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def counted(n: int, noun: str) -> str:
    """Return "1 minute" or "5 minutes"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def table(headers: Row, rows: Sequence[Row]) -> None:
    """Print rows under headers: with rich on a terminal where it is installed, else aligned."""
    rows = [[safe(cell) for cell in row] for row in rows]
    if not (sys.stdout.isatty() and _rich_table(headers, rows)):
        for line in aligned([[each.upper() for each in headers], *rows]):
            click.echo(line)


def listing(
    found: Iterable[T],
    as_json: bool,
    to_json: Callable[[T], object],
    headers: Row,
    row: Callable[[T], Row],
) -> None:
    """Print things one after another: a JSON array of them, or a table with a row for each."""
    if as_json:
        print_json([to_json(each) for each in found])
    else:
        table(headers, [row(each) for each in found])


def pairs(rows: Sequence[tuple[str, str]]) -> None:
    """Print names and their values, one a line."""
    for line in aligned([(f"{name}:", safe(value)) for name, value in rows if value]):
        click.echo(line)


def aligned(rows: Sequence[Row]) -> list[str]:
    """Return rows as lines whose columns begin below each other."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def _rich_table(headers: Row, rows: Sequence[Row]) -> bool:
    try:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    made = Table(*headers, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*map(Text, row))  # as Text: square brackets would be taken for markup
    Console().print(made)
    return True
