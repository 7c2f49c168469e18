"""What a node has to do that starts while PostgreSQL is away: the tables stay, and time goes on.

Who is behind an address, and what copdns decides, is left as the tables say it.  Bedtimes begin and
end, lists change, and orders begin and end, by what was kept beside the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf

from copdns.app.node.block_keys import keys_of_text
from copdns.app.node.copies import NodeCopies
from copdns.app.node.journal import JournalReader
from copdns.app.node.lists_now import ListsNow
from copdns.app.node.source import LOOK_EVERY
from copdns.provider.plane.keeper import PlaneKeeper
from copdns.provider.plane.line_shares import LineShare
from copdns.provider.plane.open_family import change_with_family_open, with_family_open
from copdns.provider.plane.snapshot import PlaneChange, PlaneSnapshot


class AwaySource:
    """A `PlaneSource` without PostgreSQL.  Used by one thread at a time.

    revision: of the tables.  now: seconds since the epoch.
    """

    def __init__(
        self,
        copies: NodeCopies,
        lists: ListsNow,
        revision: int,
        now: Callable[[], float],
        journal: JournalReader,
        *,
        has_law_alone: bool = False,
    ) -> None:
        """Read what was kept; raise PlaneError where there is nothing.  has_law_alone: as
        `PlaneKeeper` takes it."""
        self._lists = lists
        self._revision = revision
        self._now = now
        self._journal = journal
        self._gone: set[bytes] = set()  # addresses that went to another line meanwhile
        self._has_family_open = False
        self._keeper = PlaneKeeper(lists.slugs, now(), has_law_alone=has_law_alone)
        for number, (shape, asks) in copies.read_shapes().items():
            self._keeper.restore_group(number, LineShare(shape, frozenset(), asks, inf, ""), now())

    def snapshot(self) -> PlaneSnapshot:
        """Return all but who is behind which address, and what copdns decides."""
        whole = self._keeper.snapshot(self._revision, self._lists.listed)
        self._lists.tell_resolver()
        found = PlaneSnapshot(
            self._revision,
            None,
            whole.groups,
            whole.classes,
            whole.listed,
            exceptions=None,
            tokens=None,
        )
        self._has_family_open = self._lists.is_family_open
        if not self._has_family_open:
            return found
        # Which names copdns decides about, the tables alone know: of an opening, none.
        return replace(with_family_open(found), exceptions=None)

    def changes_after(self, revision: int) -> Iterable[PlaneChange] | None:
        """Return what time and lists changed since the last call."""
        if revision != self._revision:
            return None
        self._keeper.take_due(self._now())
        slugs, has_lists = self._lists.slugs, self._lists.follow()
        if self._lists.slugs is not slugs:
            self._keeper.use_lists(self._lists.slugs, self._now())
        if self._lists.is_family_open is not self._has_family_open:
            return None
        change = self._without_moved(self._keeper.take_change(self._revision))
        if has_lists:
            change = (change or PlaneChange(self._revision)).with_lists(
                self._lists.listed, self._keeper.classes
            )
        if change is not None and self._has_family_open:
            change = change_with_family_open(change)
        return [] if change is None else [change]

    def _without_moved(self, change: PlaneChange | None) -> PlaneChange | None:
        """Return a change with which addresses are nobody's that went to another line, or to
        nobody: whose line that is, is not known here."""
        gone = {
            key
            for entry in self._journal.take()
            for block, _, is_certain in entry.moved
            if is_certain
            for key in keys_of_text(block)
        } - self._gone
        if not gone:
            return change
        self._gone |= gone
        return replace(change or PlaneChange(self._revision), gone_addresses=sorted(gone))

    async def wait(self) -> None:
        """Return after a moment."""
        await asyncio.sleep(LOOK_EVERY)
