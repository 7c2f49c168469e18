"""The lists that hold on a node at this second: those in its files, less what reviewers took out,
with those of the law.  Used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from copdns.app.node.figures import NodeReport
from copdns.app.node.law import LawInForce
from copdns.app.node.lists import NodeLists
from copdns.app.node.resolver import ResolverFiles
from copdns.app.node.rollouts import NodeRollouts
from copdns.model.errors import CopdnsError, RegisterError, StoreError
from copdns.provider.plane.announcements import with_alive_name
from copdns.provider.plane.list_slugs import ListSlugs
from copdns.provider.plane.snapshot import ListedNames

FILES_EVERY: Final = 40  # looks between two at the files
LAW_EVERY: Final = 5  # and between two at the register

log = structlog.get_logger("copdns.node")


class ListsNow:
    """listed: what holds.  slugs: which lists are about what.  now: seconds since the epoch.

    is_family_open: the layer of families blocks nothing for anybody (`open_family.py`).

    rollouts: what changes the files; None where that is somebody else.  report: what hands in
    figures of this node; None for nobody.
    """

    listed: ListedNames
    slugs: ListSlugs
    is_family_open: bool

    def __init__(
        self,
        lists: NodeLists,
        law: LawInForce,
        resolver: ResolverFiles,
        now: Callable[[], float],
        rollouts: NodeRollouts | None = None,
        report: NodeReport | None = None,
    ) -> None:
        """Read which lists there are, and what the register says; raise CopdnsError."""
        self._lists = lists
        self._law = law
        self._resolver = resolver
        self._now = now
        self._rollouts = rollouts
        self._report = report
        if rollouts is not None:
            rollouts.follow()
        self._key = lists.key()
        self._files, self.slugs = lists.read()
        law.follow()
        self._looks = 0
        self._is_law_odd = False
        self._use_law()

    @property
    def law_trouble(self) -> tuple[str, int]:
        """What is missing of the law, for people, and of how many lines that is known."""
        return self._law.trouble, self._law.missing

    def follow(self) -> bool:
        """Read again what changed, and do what is due; tell whether other lists hold."""
        self._looks += 1
        if self._rollouts is not None:
            self._rollouts.follow()
        if self._report is not None:
            self._report.follow()
        has_moved = self._law_moved()
        has_moved = self._files_moved() or has_moved
        if has_moved:
            self._use_law()
        self.tell_resolver()
        return has_moved

    def tell_resolver(self) -> None:
        """Have unbound know what holds, where it does not."""
        self._resolver.settle()

    def _law_moved(self) -> bool:
        is_due = self._due is not None and self._now() >= self._due
        if self._looks % LAW_EVERY:
            return is_due
        try:
            has_moved = self._law.follow()
        except (StoreError, RegisterError) as error:
            if not self._is_law_odd:
                log.error("the register stays as it was read last", error=str(error))
            self._is_law_odd = True
            return is_due
        self._is_law_odd = False
        return has_moved or is_due

    def _use_law(self) -> None:
        """Work out which lists hold at this second."""
        now = int(self._now())
        self.listed = with_alive_name(self._law.apply(self._files, now))
        self.is_family_open = self._law.is_family_open(now)
        self._due = self._law.next_change(now)
        self._resolver.put(self.listed, self._law.anchors(now))

    def _files_moved(self) -> bool:
        if self._looks % FILES_EVERY:
            return False
        try:
            key = self._lists.key()
            if key == self._key:
                return False
            self._files, self.slugs = self._lists.read()
        except CopdnsError as error:
            log.warning("lists cannot be read; the previous ones stay", error=str(error))
            return False
        self._key = key
        return True
