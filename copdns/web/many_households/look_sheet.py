"""The style sheet of a tenant's colours, which its address says: nothing is stored for it."""

from __future__ import annotations

import re

from copdns.model.contrast import can_be_read

_NAME = re.compile(r"look-([0-9a-f]{6})-([0-9a-f]{6})\.css")


def look_sheet(name: str) -> str | None:
    """Return the sheet of a file's name, such as look-4048b0-a9b1ff.css; None for any other name,
    and for colours in which something could not be read."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    light, dark = (f"#{each}" for each in found.groups())
    if not (can_be_read(light, dark=False) and can_be_read(dark, dark=True)):
        return None
    return (
        f":root{{{_colours(light)}}}@media (prefers-color-scheme:dark){{:root{{{_colours(dark)}}}}}"
    )


def _colours(action: str) -> str:
    # A button that is pressed, and what is chosen, have no colour of their own: each would have to
    # be read, too.
    return f"--action:{action};--pressed:{action};--tint:var(--sunken)"
