"""What a provider publishes: as its schema says, signed, and with no number of few people."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from copdns.model.errors import RegisterError
from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import FeedTaken, HandLayer, NameAdded
from copdns.provider.law.figures import K, suppress_table
from copdns.provider.law.keys import ProviderKeys, is_signed_by
from copdns.provider.law.statement import (
    Dispute,
    canonical_json,
    public_statement,
    quarter_bounds,
    quarterly_report,
    sign_document,
    utc_text,
)
from copdns.provider.law.statement_shapes import (
    FamilyListPart,
    HotlinePart,
    OpenedPart,
    OperatorFigures,
    QuarterlyReport,
    SignedReport,
    SignedStatement,
    SignedTenantReport,
)
from tests.provider_staff import ADA, BO, DOCUMENT, NOW, SPECIAL, Written, order

SCHEMAS = Path(__file__).parents[4] / "docs/schemas"
CHECKSUM = "c0" * 32
SINCE, UNTIL = quarter_bounds("2026-Q4")


def written() -> Written:
    """A register with an order, a confidential one, a name by hand and two versions of a feed."""
    found = Written()
    found.add("console", edits.describe_operator("A provider", "FR", "contact@provider.example"))
    for new in (
        order("bad.example", "help.example"),
        order("secret.example", is_confidential=True),
    ):
        number = found.add("ada", new)
        found.add("bo", edits.confirm_order(found.register, number, SPECIAL, BO, NOW))
    by_hand = NameAdded(HandLayer.SECURITY, "phish.example", "Asks for passwords.", NOW + DAY)
    number = found.add("ada", by_hand)
    found.add("bo", edits.confirm_name(found.register, number, BO, NOW))
    feed = FeedTaken("phishing", "https://feed.example/list", "1", DOCUMENT, 12)
    found.add("console", feed)
    found.add("console", replace(feed, version="2"), NOW + DAY)
    return found


def statement_of(found: Written, now: int = NOW) -> Any:
    lists = [FamilyListPart(list="l", category="games", maintainer="m", source="s", licence="CC0")]
    opened = OpenedPart(list="l", entry="club.example", until="2027-01-01T00:00:00Z")
    hotline = HotlinePart(name="A hotline", site="https://hotline.example/")
    return public_statement(found.register, CHECKSUM, lists, [opened], [hotline], now)


def validate(document: BaseModel, schema: str, tmp_path: Path) -> dict[str, Any]:
    """Sign a document, and let another program than ours read it by the published schema."""
    keys = ProviderKeys(tmp_path)
    keys.make()
    signed = sign_document(document, keys.public_key(), keys.sign)
    published = json.loads((SCHEMAS / schema).read_text())
    jsonschema.Draft202012Validator.check_schema(published)
    jsonschema.validate(json.loads(json.dumps(signed)), published)
    return signed


@pytest.mark.parametrize(
    ("shape", "schema"),
    [
        (SignedStatement, "statement-v1.json"),
        (SignedReport, "report-v1.json"),
        (SignedTenantReport, "tenant-report-v1.json"),
    ],
)
def test_the_published_schema_is_that_of_the_code(shape: type[BaseModel], schema: str) -> None:
    """`copdns provider statement --schema` prints it, and `report --schema`."""
    assert json.loads((SCHEMAS / schema).read_text()) == shape.model_json_schema()


def test_a_statement_of_before_is_right_without_what_was_added_since(tmp_path: Path) -> None:
    """Its signature is about its own JSON, and not about what it would be today."""
    signed = validate(statement_of(written()), "statement-v1.json", tmp_path)
    for each in signed["document"]["family"]["lists"]:
        for key in ("version", "names", "since"):
            del each[key]
    SignedStatement.model_validate(signed)
    octets = canonical_json(signed["document"])
    assert b"licence" in octets
    assert b'"version":""' not in octets


def test_a_statement_is_as_its_schema_says_and_its_signature_is_right(tmp_path: Path) -> None:
    signed = validate(statement_of(written()), "statement-v1.json", tmp_path)
    read = SignedStatement.model_validate(signed)
    keys = ProviderKeys(tmp_path)
    octets = canonical_json(read.document)
    assert is_signed_by(keys.public_key(), keys.sign(octets), octets)
    law = signed["document"]["law"]
    assert ([each["names"] for each in law["orders"]], law["confidential"]) == (
        [["bad.example", "help.example"]],
        1,
    )
    assert law["orders"][0]["held"] == 1
    assert "secret.example" not in json.dumps(signed)
    assert '"ada"' not in json.dumps(signed), "who of the staff did it is no matter of the public"


def test_a_statement_says_what_holds_at_its_second() -> None:
    found = written()
    now, then = statement_of(found), statement_of(found, NOW + DAY)
    assert (len(now.law.orders), len(then.law.orders), then.law.confidential) == (1, 0, 0)
    assert ([each.version for each in now.security.feeds], len(now.security.by_hand)) == (["1"], 1)
    assert [each.version for each in then.security.feeds] == ["2"]
    assert then.security.by_hand == ()


def test_it_says_when_nothing_of_families_was_blocked() -> None:
    found = written()
    found.add("ada", edits.open_family(found.register, "A list.", NOW + 3600, ADA, NOW))
    open_now = statement_of(found).family.open_for_all
    assert open_now is not None
    assert (open_now.why, open_now.until) == ("A list.", utc_text(NOW + 3600))
    assert statement_of(found, NOW + 3600).family.open_for_all is None
    report = quarterly_report(found.register, CHECKSUM, "2026-Q4", [], OperatorFigures(), UNTIL)
    assert report.family_open_for_all == (open_now,)


def test_a_provider_that_says_not_who_it_is_publishes_nothing() -> None:
    with pytest.raises(RegisterError, match="operator set"):
        statement_of(Written())


def disputes(many: int, *, hours: int = 2, is_accepted: bool = True) -> list[Dispute]:
    return [Dispute(NOW, NOW + DAY, NOW + hours * 3600, is_accepted) for _ in range(many)]


def report_of(asked: list[Dispute], figures: OperatorFigures | None = None) -> QuarterlyReport:
    return quarterly_report(
        written().register, CHECKSUM, "2026-Q4", asked, figures or OperatorFigures(), UNTIL
    )


def test_a_report_is_as_its_schema_says(tmp_path: Path) -> None:
    figures = OperatorFigures(
        blocks_by_layer={"law": 30, "security": 4000, "family": 90000},
        blocks_by_category={"games": 500, "faith": 3, "health": 40},
        subscribers_with_filtering=100,
        complaints=4,
        outages=1,
    )
    report = report_of(disputes(30) + disputes(25, is_accepted=False, hours=30), figures)
    signed = validate(report, "report-v1.json", tmp_path)["document"]
    orders = signed["legal_orders"]
    assert (orders["entered"], orders["in_force"], orders["ended"]) == (2, 2, 2)
    assert (orders["held_names"], orders["held_overdue"]) == (1, 1)
    assert signed["by_hand"]["blocked"][0]["name"] == "phish.example"
    assert [each["version"] for each in signed["feeds"]] == ["1", "2"]
    asked = signed["disputes"]
    assert (asked["received"], asked["accepted"], asked["refused"]) == (55, 30, None)
    assert asked["median_hours"] == 2
    assert signed["blocks_by_category"] == {"games": 500, "faith": None, "health": None}
    assert (signed["complaints"], signed["subscribers_with_filtering"]) == (None, 100)


def test_what_nobody_said_is_not_signed_as_none_at_all(tmp_path: Path) -> None:
    signed = validate(report_of([]), "report-v1.json", tmp_path)["document"]
    assert (signed["outages"], signed["blocks_by_layer"]) == (None, {})
    assert report_of([], OperatorFigures(outages=0)).outages == 0


def test_few_questions_are_no_figure() -> None:
    found = report_of(disputes(K - 1)).disputes
    assert (found.received, found.accepted, found.median_hours, found.overdue) == (None,) * 4


def test_a_quarter_that_is_not_over_has_no_report() -> None:
    with pytest.raises(RegisterError, match="not over"):
        quarterly_report(written().register, CHECKSUM, "2026-Q4", (), OperatorFigures(), UNTIL - 1)
    with pytest.raises(RegisterError, match="no quarter"):
        quarter_bounds("2026-Q5")
    assert quarter_bounds("2027-Q1")[0] == UNTIL


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 60)))
def test_no_cell_of_few_can_be_worked_out_from_the_sum(cells: dict[str, int]) -> None:
    told = suppress_table(cells)
    assert all(each is None or each >= K for each in told.values())
    gone = [cells[key] for key, each in told.items() if each is None]
    nothing_left = not any(each is not None for each in told.values())
    assert not gone or nothing_left or (len(gone) >= 2 and sum(gone) >= K)
