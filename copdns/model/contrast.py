"""How well a colour can be read on another one (WCAG 2.2, "contrast ratio").  Pure."""

from __future__ import annotations

import re
from typing import Final

TEXT: Final = 4.5  # the least contrast of a text (1.4.3)
# What texts and controls in the colour of actions stand on, as in copdns.css; the last one is what
# stands on a filled button.
LIGHT_GROUNDS: Final = ("#f6f5f1", "#ffffff", "#eeece6", "#ffffff")
DARK_GROUNDS: Final = ("#12141c", "#1b1e29", "#262a37", "#14172b")

_COLOUR = re.compile(r"#[0-9a-f]{6}")


def is_colour(text: str) -> bool:
    """Tell whether a text is a colour, such as "#4048b0"."""
    return _COLOUR.fullmatch(text) is not None


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def can_be_read(colour: str, *, dark: bool) -> bool:
    """Tell whether a colour can be that of actions: on each ground, and as that of a button."""
    grounds = DARK_GROUNDS if dark else LIGHT_GROUNDS
    return all(contrast(colour, each) >= TEXT for each in grounds)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return float(sum(share * each for share, each in zip(_SHARES, linear, strict=True)))


_SHARES = (0.2126, 0.7152, 0.0722)  # of red, green and blue
