"""docs/events.md is whole: every event, and every key."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from copdns.happened import Event, Kind

PAGE = (Path(__file__).parents[2] / "docs/events.md").read_text()


def test_every_event_and_every_key_is_explained() -> None:
    keys = {key for family in get_args(Event) for key in family._fields} - {"kind"}
    words = [*map(str, Kind), "event", *sorted(keys)]
    assert [each for each in words if f"`{each}`" not in PAGE] == []
