"""What guardians see of names that say what a person believes, loves or suffers from: "other".

A log must not out a child.  Names about faith, sexual orientation and health are shown to guardians
without what they are, in every privacy mode; only a block against harm stays readable, since
somebody has to see what nearly happened.  The person whom it is about sees everything.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from copdns.lists.catalogue import Catalogue
from copdns.lists.index import ListKind
from copdns.model.names import suffixes
from copdns.model.verdict import Reason
from copdns.privacy.retention import CountKey, LogRow

OTHER = "other"
_GROUP = "health_emergency_rights"  # protected, and as telling as the help groups


@dataclass(frozen=True, slots=True)
class NameMask:
    """The names that guardians see as "other".

    names: each with all names below it.  groups: slugs of protected groups.
    """

    names: frozenset[str]
    groups: frozenset[str]
    library: Catalogue

    def hides(self, name: str) -> bool:
        """Tell whether guardians see this name as "other" only."""
        if any(each in self.names for each in suffixes(name)):
            return True
        infos = self.library.index.infos
        return any(
            entry.list >= 0  # one with terms is of no protected group
            and infos[entry.list].kind is ListKind.PROTECTED
            and infos[entry.list].subject in self.groups
            for entry in self.library.index.find(name)
        )

    def row(self, row: LogRow) -> LogRow:
        """Return a row as guardians see it; a name that led to another hides with it."""
        if row.reason == Reason.SECURITY:
            return row
        if not self.hides(row.qname) and not (row.via and self.hides(row.via)):
            return row
        # Not even the reason stays: "protected" would tell which kind of name it was.
        return row._replace(
            qname=OTHER, reason=OTHER, category="", service="", list="", rule="", via=""
        )

    def counts(self, counts: Iterable[tuple[CountKey, int]]) -> tuple[tuple[CountKey, int], ...]:
        """Return counts as guardians see them: groups that tell too much are among the rest."""
        found: dict[CountKey, int] = {}
        for key, n in counts:
            if key.category in self.groups:
                key = key._replace(reason=Reason.DEFAULT, category="")
            found[key] = found.get(key, 0) + n
        return tuple(found.items())


def build_mask(names: Iterable[str], library: Catalogue) -> NameMask:
    """Return what hides these names, those of the protected groups that tell as much, and help
    names that are not protected yet."""
    help_groups = {each.slug for each in library.protected.values() if each.help}
    return NameMask(frozenset(names) | library.unopened, frozenset({*help_groups, _GROUP}), library)
