"""What the register of law and the desk of the reviewers say of a node's lists, followed.

Each moment is worked out from what was read last, so an order also begins and ends at its second
while PostgreSQL is away.  Used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import structlog

from copdns.app.node.copies import NodeCopies
from copdns.app.node.status import law_trouble
from copdns.model.errors import PlaneError, RegisterError
from copdns.model.sentences import sentence
from copdns.provider.law.chain import StoredEntry, check_head
from copdns.provider.law.keys import KEYS_FOLDER, ProviderKeys
from copdns.provider.law.register import Register
from copdns.provider.law.register_in_force import (
    anchors_in_force,
    left_in_tables,
    next_change,
    orders_without_list,
    with_register,
)
from copdns.provider.plane.rows import Row
from copdns.provider.plane.snapshot import ListedNames, NameList
from copdns.provider.staff.desk import DeskCase, next_closing, open_lists
from copdns.store.postgres.connection import PostgresPool
from copdns.store.provider_db.desk_rows import DeskStore
from copdns.store.provider_db.register_rows import RegisterStore, read_lines

log = structlog.get_logger("copdns.node")


class LawInForce:
    """The register and the desk of a provider.  data: the folder that has its keys.

    pool: None while PostgreSQL is away; then what was read last, from the copies, is all there is.
    trouble: what is missing of the law then, for people; "" for nothing.  missing: lines of the
    register that this machine saw before.  is_believed: the copy is one of ours.
    """

    trouble = ""
    missing = 0
    is_believed = True

    def __init__(
        self,
        pool: PostgresPool | None,
        data: Path,
        copies: NodeCopies,
        rows: Callable[[], Iterable[Row]] = tuple,
    ) -> None:
        """Make or migrate the tables; raise StoreError, RegisterError or PlaneError.

        rows: returns those of the table of names, which has the law that this node applied last.
        """
        self._keys = ProviderKeys(data / KEYS_FOLDER)
        self._copies = copies
        self._read: tuple[int, tuple[int, int]] | None = None
        self._uncopied: tuple[list[StoredEntry], list[DeskCase]] | None = None
        self._is_copy_odd = False
        self._register = Register()
        self._cases: tuple[DeskCase, ...] = ()
        self._stores: tuple[RegisterStore, DeskStore] | None = None
        self._left: tuple[NameList, ...] = ()  # in the tables, of newer lines
        self._hashed_ends: list[int] = []  # of lists of hashes in force
        self._without_list: tuple[int, ...] = ()  # orders whose list of hashes is not here
        if pool is not None:
            self._stores = RegisterStore(pool, self._keys), DeskStore(pool)
        else:
            self._begin_by_copy(rows)

    def _begin_by_copy(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Begin with the newest law that is known here, and say where that may not be all.

        No order leaves the tables because the copy is older than they are, or is none of ours.
        """
        error = None
        try:
            lines, cases = self._copies.read_law()
            self._register, self._cases = read_lines(lines, self._keys), tuple(cases)
            seen = self._keys.read_head()
            if seen is not None and seen.size > len(lines):
                self.missing = seen.size - len(lines)
            elif seen is not None:
                check_head(lines, seen, sentence("this machine"))
        except (PlaneError, RegisterError) as found:
            error = found
            self._register, self._cases, self.is_believed = Register(), (), False
        self.trouble = law_trouble(self.missing, error)
        if self.trouble:
            log.error(self.trouble)
            self._left = left_in_tables(rows(), self._register)

    def follow(self) -> bool:
        """Read what is new; tell whether there was anything.

        Raises StoreError or RegisterError.  A register that cannot be read is read again at the
        next call, and the last one stays.  One that cannot be copied holds all the same.
        """
        if self._stores is None:
            return False
        entries, desk = self._stores
        newest = entries.size(), desk.newest()
        if newest == self._read:
            self._copy()
            return False
        lines, cases = entries.lines(), desk.load()
        self._register, self._cases = read_lines(lines, self._keys), cases
        self._read = newest
        self._uncopied = lines, list(cases)
        self._copy()
        return True

    def _copy(self) -> None:
        """Keep what was read last, where that has not been done."""
        if self._uncopied is None:
            return
        try:
            self._copies.write_law(*self._uncopied)
        except PlaneError as error:
            if not self._is_copy_odd:
                log.error(
                    "the law is in force, but not kept for a start without PostgreSQL",
                    error=str(error),
                )
            self._is_copy_odd = True
            return
        self._uncopied, self._is_copy_odd = None, False

    def apply(self, listed: ListedNames, now: int) -> ListedNames:
        """Return lists without what reviewers took out, and with those of the register."""
        lists = open_lists(listed.lists, self._cases, now)
        whole = replace(listed, lists=(*lists, *self._left))
        found = with_register(whole, self._register, now)
        self._hashed_ends = [each.expires for each in found.hashed]
        missing = orders_without_list(listed.hashed, self._register, now)
        if missing and missing != self._without_list:
            log.error(
                "a list of hashes of these orders is not on this node, or is over", orders=missing
            )
        self._without_list = missing
        return found

    def is_family_open(self, now: int) -> bool:
        """Tell whether nothing that families chose is blocked for anybody."""
        return self._register.open_family(now) is not None

    def anchors(self, now: int) -> tuple[str, ...] | None:
        """Return the domains that are answered without validation; None where it is not known."""
        return anchors_in_force(self._register, now) if self.is_believed else None

    def next_change(self, now: int) -> int | None:
        """Return the next second at which something else holds; None: never."""
        found = next_change(self._register, now), next_closing(self._cases, now)
        ends = (each for each in self._hashed_ends if each > now)
        return min((each for each in (*found, *ends) if each is not None), default=None)
