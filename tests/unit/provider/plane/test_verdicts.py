"""What a class does with names that are on lists."""

from __future__ import annotations

import pytest

from copdns.model.verdict import Reason
from copdns.provider.plane.name_sets import HELP, PROTECTED
from copdns.provider.plane.snapshot import Layer, PolicyClass
from copdns.provider.plane.verdicts import judge_set, verdict_rows

LAYERS = {
    "court": Layer.LAW,
    "malware": Layer.SECURITY,
    "gambling": Layer.FAMILY,
    "games": Layer.FAMILY,
    "music": Layer.FAMILY,
}
CHILD = PolicyClass(frozenset({"gambling", "games"}), safe_search=frozenset({"engine"}))
OFF = PolicyClass(has_security=False)
NIGHT = PolicyClass(
    frozenset({"gambling"}), closed=Reason.SCHEDULE, always_open=frozenset({"music"})
)


@pytest.mark.parametrize(
    ("policy", "names", "verdict"),
    [
        (CHILD, "", "None"),
        (CHILD, "music", "None"),
        (CHILD, "gambling", "family:17:category: gambling"),
        (CHILD, "games gambling", "family:17:category: gambling"),
        (CHILD, "gambling malware", "security:15:security: malware"),
        (CHILD, "gambling malware court", "law:16:legal"),
        (CHILD, "@engine", "safe:4:safe_search: the engine's safe mode"),
        (CHILD, "@engine gambling", "family:17:category: gambling"),
        (OFF, "@engine gambling malware", "None"),
        (OFF, "court", "law:16:legal"),
        (NIGHT, "", "family:17:schedule"),
        (NIGHT, "music", "None"),
        (NIGHT, "music gambling", "family:17:category: gambling"),
        (NIGHT, "music malware", "security:15:security: malware"),
        (NIGHT, PROTECTED, "None"),
        (NIGHT, HELP, "None"),
    ],
)
def test_law_comes_before_security_and_that_before_times_and_lists(
    policy: PolicyClass, names: str, verdict: str
) -> None:
    assert str(judge_set(policy, frozenset(names.split()), LAYERS)) == verdict


def test_a_table_has_what_happens_and_nothing_else() -> None:
    sets = [frozenset({"gambling"}), frozenset({"music"})]
    rows = dict(verdict_rows({1: CHILD, 2: NIGHT}, sets, LAYERS))
    assert rows == {
        b"1|gambling": b"family:17:category: gambling",
        b"2|": b"family:17:schedule",
        b"2|gambling": b"family:17:schedule",
        b">2|gambling": b"family:17:category: gambling",
    }


def test_times_close_a_name_and_no_response_that_leads_to_what_they_close() -> None:
    sets = [frozenset({"games"}), frozenset({"games", "malware"}), frozenset({"court"})]
    timed = PolicyClass(timed=frozenset({("games", Reason.SCHEDULE)}))
    assert dict(verdict_rows({3: timed}, sets, LAYERS)) == {
        b"3|games": b"family:17:schedule",
        b">3|games": b"open",
        b"3|games,malware": b"security:15:security: malware",
        b"3|court": b"law:16:legal",
    }


def test_only_times_and_pauses_close_a_class() -> None:
    with pytest.raises(ValueError, match="closes nothing"):
        PolicyClass(closed=Reason.CATEGORY)
