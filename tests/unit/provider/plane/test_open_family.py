"""While the layer of families is open, tables have law and security alone, and all comes back."""

from __future__ import annotations

from dataclasses import replace

from copdns.model.matchers import Matcher
from copdns.model.verdict import Reason
from copdns.provider.plane.open_family import change_with_family_open, with_family_open
from copdns.provider.plane.rows import PlaneTable, snapshot_rows
from copdns.provider.plane.snapshot import (
    Group,
    Layer,
    ListedNames,
    NameList,
    PlaneChange,
    PlaneSnapshot,
    PolicyClass,
    Subscriber,
    address_key,
)

LISTED = ListedNames(
    (
        NameList("order-1", Layer.LAW, (Matcher("law.example"),)),
        NameList("phishing", Layer.SECURITY, (Matcher("phish.example"),)),
        NameList("games", Layer.FAMILY, (Matcher("games.example"),)),
    )
)
NIGHT = PolicyClass(closed=Reason.SCHEDULE, safe_search=frozenset({"one"}))
WHOLE = PlaneSnapshot(
    7,
    (Subscriber(address_key("192.0.2.1"), 1, "ada"),),
    {1: Group(1, is_closing_soon=True, asks_copdns=True)},
    {0: PolicyClass(frozenset({"games"})), 1: NIGHT},
    LISTED,
    ("blog.example",),
)


def test_law_and_security_stay_and_nothing_else_blocks_or_asks() -> None:
    rows, _ = snapshot_rows(with_family_open(WHOLE))
    verdicts = {bytes(value).partition(b":")[0] for _, value in rows.new[PlaneTable.VERDICTS]}
    assert verdicts == {b"law", b"security"}
    assert not list(rows.new.get(PlaneTable.EXCEPTIONS, ()))
    assert dict(rows.new[PlaneTable.GROUPS])[b"001-"] == b"1", "no mark: open, and not asked"
    assert with_family_open(with_family_open(WHOLE)) == with_family_open(WHOLE)


def test_a_change_meanwhile_brings_nothing_of_families() -> None:
    change = PlaneChange(8, groups={2: Group(1)}, new_exceptions=["x.example"], classes={0: NIGHT})
    found = change_with_family_open(change)
    assert (found.new_exceptions, found.classes) == ((), {0: PolicyClass()})
    assert change_with_family_open(replace(change, classes=None)).classes is None
