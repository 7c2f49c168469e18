"""Which names of a profile are sent to upstreams of their own.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from copdns.model.matchers import Matcher
from copdns.policy.special_names import is_private_reverse

REVERSE_ZONE: Final = "reverse:"  # no domain; the group of upstreams for `is_private_reverse`


class Split(NamedTuple):
    """A domain with upstreams of its own.

    zone: of the cache, and the group of these upstreams.  scope: for whom it is (`Rule.scope`).
    """

    matcher: Matcher
    zone: str
    scope: str = ""


class SplitTable:
    """The splits of one profile.

    splits: the longest name first; of one name, that of the person before that of a tag, and that
        before everyone's.
    zone_of_rest: the zone for all other names; "" for the usual upstreams.
    sends_reverse: reverse names of private addresses go to upstreams of their own.
    """

    __slots__ = ("sends_reverse", "splits", "zone_of_rest")

    def __init__(
        self,
        splits: tuple[Split, ...],
        zone_of_rest: str = "",
        *,
        sends_reverse: bool = False,
    ) -> None:
        self.splits = splits
        self.zone_of_rest = zone_of_rest
        self.sends_reverse = sends_reverse

    @property
    def content(self) -> tuple[object, ...]:
        """What two tables have in common that send all names the same way."""
        return self.splits, self.zone_of_rest, self.sends_reverse

    def zone_of(self, qname: str) -> str:
        """Return the zone whose upstreams are asked for a name; "" for the usual ones."""
        return self.own_zone_of(qname) or self.zone_of_rest

    def own_zone_of(self, qname: str) -> str:
        """Return the zone of a name that has upstreams of its own; "" for any other."""
        for split in self.splits:
            if split.matcher.covers(qname):
                return split.zone
        if self.sends_reverse and is_private_reverse(qname):
            return REVERSE_ZONE
        return ""
