"""Names that hold for everyone, or for one person or tag: `work.example`, `work.example@mia`.

So they stand in the household file, in its database and in the paths of the API.  A dot alone is
every name.  Pure.
"""

from __future__ import annotations

from typing import NamedTuple

from copdns.model.addresses import domain, slug
from copdns.model.errors import TextError

EVERY_NAME = "."


class ScopedName(NamedTuple):
    """name: normal form; "" for every name.  scope: a profile's id, "#tag", or "" for everyone."""

    name: str
    scope: str = ""

    def __str__(self) -> str:
        return (self.name or EVERY_NAME) + (f"@{self.scope}" if self.scope else "")


def read_scoped_name(text: str) -> ScopedName:
    """Read what `str()` of one says; raise NameTextError or TextError.

    Every name (".") is read only with a scope: for everyone there are the settings.
    """
    written, scope = split_scope(text)
    if written == EVERY_NAME and scope:
        return ScopedName("", scope)
    return ScopedName(domain(written), scope)


def split_scope(text: str) -> tuple[str, str]:
    """Return what is written before the scope, and the scope; raise TextError for a wrong one."""
    written, at, scope = text.strip().partition("@")
    if at:
        try:
            slug(scope.removeprefix("#"))
        except ValueError:
            raise TextError(
                "'%(written)s' does not say for whom; after @ write a profile's id, or # and a tag",
                written=text,
            ) from None
    return written, scope
