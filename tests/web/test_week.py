"""The week that `python -m tests.web.week` tells runs from Monday to Sunday."""

from __future__ import annotations

from html import unescape
from pathlib import Path

from tests.web.week import DAYS, story, write


async def test_the_week_is_told_from_monday_to_sunday(tmp_path: Path) -> None:
    scenes = [scene async for scene in story()]
    days = [scene.when.split()[0] for scene in scenes]
    assert list(dict.fromkeys(days)) == list(DAYS)
    assert {scene.who for scene in scenes} == {"Mia", "Ada"}
    write(scenes, tmp_path)
    assert len(list(tmp_path.glob("[0-9]*.html"))) == len(scenes)
    told = unescape((tmp_path / "index.html").read_text())
    assert all(scene.tells in told for scene in scenes)
