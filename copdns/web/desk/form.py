"""The fields of a form as it was sent.  Pure.

Every field is text, perhaps not from our form: where it means nothing, HouseholdError has a
sentence for whoever typed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from copdns.model.errors import HouseholdError

MAX_NOTE = 200  # characters


class Form:
    """The fields of a form, each with all its values."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def all(self, name: str) -> tuple[str, ...]:
        """Return all values of a field, without blanks around; () where it was not sent."""
        return tuple(each.strip() for each in self._fields.get(name, ()))

    def one(self, name: str) -> str:
        """Return the first value of a field; "" where it was not sent."""
        return next(iter(self.all(name)), "")

    def has(self, name: str) -> bool:
        """Tell whether a field was sent: a box that was ticked."""
        return name in self._fields

    def number(self, name: str, low: int, high: int, default: int | None = None) -> int:
        """Return a whole number from low to high; raise HouseholdError."""
        text = self.one(name)
        if not text and default is not None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 6 and low <= int(text) <= high:
            return int(text)
        raise HouseholdError(
            "write a whole number from %(low)s to %(high)s",
            name=name,
            low=low,
            high=high,
        )

    def note(self, name: str = "note") -> str:
        """Return a note on one line; raise HouseholdError."""
        text = " ".join(self.one(name).split())
        if len(text) > MAX_NOTE or not text.isprintable():
            raise HouseholdError(
                "write at most %(most)s characters, without control characters",
                name=name,
                most=MAX_NOTE,
            )
        return text
