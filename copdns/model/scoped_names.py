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


def read_scoped_name(text: str, *, usual: bool = False) -> ScopedName:
    """Read what `str()` of one says; raise NameTextError or TextError.

    usual: every name (".") is read without a scope too: it stands for the usual upstreams.
    """
    written, scope = split_scope(text)
    if written == EVERY_NAME and (scope or usual):
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
