"""What a page shows of the provider that a family has copdns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class TenantSign(NamedTuple):
    """The brand of a provider that a family has copdns from.  light, dark: the colour of actions.

    contact: a URL; "" for none.  texts: a sentence of the brand's, by language.
    """

    name: str
    light: str
    dark: str
    contact: str = ""
    texts: Mapping[str, str] = {}

    @property
    def sheet(self) -> str:
        """The URL of its colours."""
        return f"/static/look-{self.light.removeprefix('#')}-{self.dark.removeprefix('#')}.css"
