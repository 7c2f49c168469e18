"""Names for everyone or for some, as they are written."""

from __future__ import annotations

import pytest

from copdns.model.errors import CopdnsError
from copdns.model.scoped_names import ScopedName, read_scoped_name


@pytest.mark.parametrize(
    ("text", "found", "normal"),
    [
        ("Work.Example.", ScopedName("work.example"), "work.example"),
        ("work.example@mia", ScopedName("work.example", "mia"), "work.example@mia"),
        ("work.example@#kids", ScopedName("work.example", "#kids"), "work.example@#kids"),
        (" .@tom ", ScopedName("", "tom"), ".@tom"),
    ],
)
def test_a_name_is_for_everyone_or_for_whom_it_says(
    text: str, found: ScopedName, normal: str
) -> None:
    assert (read_scoped_name(text), str(found)) == (found, normal)
    assert read_scoped_name(normal) == found


@pytest.mark.parametrize("text", ["", ".", "@mia", "work.example@", "work.example@Mia T", "a..b@x"])
def test_every_name_is_nothing_for_everyone_and_nobody_is_no_person(text: str) -> None:
    with pytest.raises((CopdnsError, ValueError)):
        read_scoped_name(text)
