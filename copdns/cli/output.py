"""How commands print: aligned tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any
from unicodedata import east_asian_width
from zoneinfo import ZoneInfo

import click

Row = Sequence[str]

_LATEST = 253_370_764_800  # the year 9999: a year more would overflow in some zone


def print_json(value: object) -> None:
    """Print one JSON document; values of the model become texts, lists and objects."""
    text = json.dumps(plain(value), indent=2, ensure_ascii=False)
    click.echo(text.encode())  # JSON is UTF-8, whatever the terminal speaks (RFC 8259 section 8.1)


def plain(value: Any) -> Any:
    """Return a value of the model as JSON has it.

    What has a text of its own (a matcher, an address, a network) becomes that text.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return [plain(each) for each in value]
    if is_dataclass(value) and type(value).__str__ is object.__str__:
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    return str(value)


def utc(at: float | None) -> str | None:
    """Return a moment as JSON has it: `2026-11-24T18:00:00Z`."""
    if at is None:
        return None
    return datetime.fromtimestamp(int(at), UTC).isoformat().replace("+00:00", "Z")


def local(at: float, timezone: str) -> str:
    """Return a moment for people, in the household's zone."""
    near = min(max(at, 0), _LATEST)
    return f"{datetime.fromtimestamp(near, ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def safe(text: str) -> str:
    """Return a text that cannot steer a terminal: people and devices wrote it."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def table(headers: Row, rows: Sequence[Row]) -> None:
    """Print rows under headers: with rich on a terminal where it is installed, else aligned."""
    rows = [[safe(cell) for cell in row] for row in rows]
    if not (sys.stdout.isatty() and _rich_table(headers, rows)):
        for line in aligned([[each.upper() for each in headers], *rows]):
            click.echo(line)


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
