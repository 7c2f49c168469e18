"""Every file in the folders beside this one is a promise, told as a short story; here they come
true.

Each story is played in two homes: in the second all devices ask for structured errors (EDNS
option 26), and nothing may be forged for those.  `fits.check` holds for every reply.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.steps import play
from tests.scenarios.story import FOLDER, home, read

FILES = sorted(FOLDER.glob("*/*.yaml"))


@pytest.mark.parametrize("structured", [False, True], ids=["plain", "structured"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_promise_is_kept(path: Path, structured: bool) -> None:
    story = read(path)
    place = home(story, structured=structured)
    for number, step in enumerate(story.steps, 1):
        try:
            play(step, place, story)
        except AssertionError as error:
            raise AssertionError(f"{path.name}, step {number}: {step}\n{error}") from error


def test_a_file_is_called_as_its_title_says() -> None:
    """So that a list of the files reads as the list of promises."""
    for path in FILES:
        words = "".join(c if c.isalnum() else " " for c in read(path).title.lower()).split()
        assert path.stem == "_".join(words), path
