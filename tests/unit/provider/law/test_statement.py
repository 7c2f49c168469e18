"""What a provider publishes: as its schema says, signed, and with no number of few people."""

from __future__ import annotations

import itertools
import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from copdns.model.errors import RegisterError
from copdns.model.matchers import Matcher, MatchKind, parse_matcher
from copdns.provider.law import edits
from copdns.provider.law.chain import RegisterHead
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import (
    FeedTaken,
    HandLayer,
    HoldDecided,
    KeptRecord,
    NameAdded,
    PreservationEntered,
)
from copdns.provider.law.figures import (
    K,
    round_down,
    step_down,
    suppress_table,
    suppress_with_rests,
)
from copdns.provider.law.keys import ProviderKeys, is_signed_by
from copdns.provider.law.measurements import Measured, NodeDay
from copdns.provider.law.register import UNCONFIRMED_LASTS
from copdns.provider.law.register_in_force import can_be_blocked, open_below
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
from copdns.provider.plane.block_counts import BlockCount
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.site_answer import blocks_of
from tests.provider_staff import ADA, BO, DOCUMENT, NOW, REVIEWER, SPECIAL, Written, order
from tests.unit.provider.law.test_register import blocked

SCHEMAS = Path(__file__).parents[4] / "docs/schemas"
HEAD = RegisterHead(9, "c0" * 32)
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
    return public_statement(found.register, HEAD, lists, [opened], [hotline], now)


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
    told = [(each["blocked"], each["held"]) for each in law["orders"]]
    assert (told, law["confidential"]) == (
        [(["bad.example"], ["help.example"])],
        0,  # as the quarter began
    )
    assert "secret.example" not in json.dumps(signed)
    assert '"ada"' not in json.dumps(signed), "who of the staff did it is no matter of the public"


def with_order(*names: str, special: SpecialNames = SPECIAL, **fields: Any) -> tuple[Written, int]:
    """Return a register with one order in force, and its number."""
    found = Written()
    found.add("console", edits.describe_operator("A provider", "FR", "contact@provider.example"))
    number = found.add("ada", edits.enter_order(found.register, order(*names, **fields), ADA, NOW))
    found.add("bo", edits.confirm_order(found.register, number, special, BO, NOW))
    return found, number


def decide(found: Written, number: int, name: str, special: SpecialNames, **fields: bool) -> None:
    new = HoldDecided(number, name, why="A person looked.", **fields)
    found.add("rev", edits.decide_hold(found.register, new, special, REVIEWER, NOW))


@pytest.mark.parametrize("is_blocked", [None, True, False])
def test_a_statement_tells_what_an_order_blocks_from_what_waits_for_a_person(
    is_blocked: bool | None, tmp_path: Path
) -> None:
    """The order names a part of a protected name; only who reads the three lists knows it is
    open."""
    found, number = with_order("bad.example", "www.help.example")
    if is_blocked is not None:
        decide(found, number, "help.example", SPECIAL, is_blocked=is_blocked)
    signed = validate(statement_of(found), "statement-v1.json", tmp_path)
    (told,) = signed["document"]["law"]["orders"]
    part = ["www.help.example"]
    lists = {
        "blocked": ["bad.example", *(part if is_blocked else [])],
        "blocked_after_decision": part if is_blocked else [],
        "held": part if is_blocked is None else [],
        "open_after_decision": part if is_blocked is False else [],
    }
    assert {each: told[each] for each in lists} == lists
    assert told["decide_by"] == (utc_text(NOW + DAY) if is_blocked is None else None)
    assert "names" not in told, "a program that took all of them for blocked has to notice"


def test_the_schema_takes_no_order_that_says_not_what_is_held(tmp_path: Path) -> None:
    signed = validate(statement_of(with_order("help.example")[0]), "statement-v1.json", tmp_path)
    published = json.loads((SCHEMAS / "statement-v1.json").read_text())
    for key in ("blocked", "held", "decide_by", "open_after_decision", "blocked_after_decision"):
        wrong = json.loads(json.dumps(signed))
        del wrong["document"]["law"]["orders"][0][key]
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate(wrong, published)


def test_who_moves_a_held_name_to_the_blocked_ones_breaks_the_signature(tmp_path: Path) -> None:
    signed = validate(statement_of(with_order("help.example")[0]), "statement-v1.json", tmp_path)
    key, value = (b64decode(signed["signature"][each]) for each in ("public_key", "value"))
    assert is_signed_by(key, value, canonical_json(signed["document"]))
    told = signed["document"]["law"]["orders"][0]
    told["blocked"], told["held"] = told["held"], told["blocked"]
    SignedStatement.model_validate(signed)
    assert not is_signed_by(key, value, canonical_json(signed["document"]))


def test_a_confidential_order_tells_no_name_that_it_holds() -> None:
    found, number = with_order("bad.example", "help.example", is_confidential=True)
    for is_decided in (False, True):
        if is_decided:
            decide(found, number, "help.example", SPECIAL, is_blocked=True)
        text = statement_of(found).model_dump_json()
        assert [name for name in ("bad.example", "help.example", "held") if name in text] == []


NESTED = SpecialNames(
    help=(Matcher("help.example"), Matcher("help.club.example"), Matcher("a.help.club.example")),
    protected=(
        Matcher("time.example"),
        Matcher("club.example", MatchKind.EXACT),
        Matcher("clock.example", MatchKind.BELOW),
    ),
)
ORDERED = [
    *("bad.example", "club.example", "=club.example", "*.club.example", "help.club.example"),
    *("www.help.example", "help.example", "*.help.example", "time.example", "example.com"),
    *("=help.club.example", "a.help.club.example", "b.help.club.example", "clock.example"),
    *("*.clock.example", "=a.clock.example"),
]
ASKED = [
    *("bad.example", "www.bad.example", "club.example", "b.club.example", "help.club.example"),
    *("a.help.club.example", "help.example", "www.help.example", "b.www.help.example"),
    *("time.example", "a.time.example", "other.example", "clock.example", "a.clock.example"),
    *("b.help.club.example", "b.a.help.club.example", "c.a.help.club.example"),
]


def _closeness(name: str) -> tuple[int, bool]:
    """Which of two names that cover a third one counts: the greater."""
    return len(parse_matcher(name).name), name[0] in "=*"


@given(
    st.sets(st.sampled_from(ORDERED), min_size=1),
    st.lists(st.sampled_from([True, False, None]), min_size=8, max_size=8),
)
def test_the_lists_of_an_order_say_what_a_query_gets(
    names: set[str], decisions: list[bool | None]
) -> None:
    found, number = with_order(*names, special=NESTED)
    holds = found.register.orders[number].holds
    # Of two help names, one below the other, the lower one comes first.
    lowest = sorted(holds, key=lambda each: -len(each.name))
    for hold, wanted in zip(lowest, decisions, strict=False):
        entered, name = found.register.orders[number], hold.name
        can_be = can_be_blocked(entered, name, NESTED) and not open_below(entered, name, NESTED)
        if wanted is False or (wanted and can_be):
            decide(found, number, name, NESTED, is_blocked=wanted)
    (told,) = statement_of(found).law.orders
    open_, blocked_ = {*told.held, *told.open_after_decision}, {*told.blocked}
    assert not blocked_ & open_
    assert not {*told.held} & {*told.open_after_decision}
    assert {*told.blocked_after_decision} <= blocked_
    assert names <= blocked_ | open_
    for asked in ASKED:
        covering = [each for each in blocked_ | open_ if parse_matcher(each).covers(asked)]
        longest = max(covering, key=_closeness, default="")
        what = blocked(found, asked, special=NESTED)
        assert what == (16 if longest in blocked_ else 0), (asked, told)
        said = blocks_of(asked, found.register, (), (), NESTED, NOW)  # to a site's owner
        assert bool(said) == (what == 16), (asked, told)


def test_a_help_name_is_not_blocked_while_one_below_it_is_open() -> None:
    upper, lower = "help.club.example", "a.help.club.example"
    found, number = with_order(upper, special=NESTED)
    with pytest.raises(RegisterError, match=f"^{lower}, which is below {upper}, would be"):
        decide(found, number, upper, NESTED, is_blocked=True)
    assert blocked(found, lower, special=NESTED) == 0
    decide(found, number, lower, NESTED, is_blocked=True)
    # What the order names still waits as a whole.
    assert [blocked(found, each, special=NESTED) for each in (upper, lower)] == [0, 0]
    decide(found, number, upper, NESTED, is_blocked=True)
    assert [blocked(found, each, special=NESTED) for each in (upper, lower)] == [16, 16]


def test_a_help_name_that_is_newer_than_the_order_is_not_blocked_with_one_above_it() -> None:
    upper, lower = "help.club.example", "a.help.club.example"
    found, number = with_order(upper, special=SpecialNames(help=(Matcher(upper),)))
    with pytest.raises(RegisterError, match=f"^{lower}, which is below {upper}, would be"):
        decide(found, number, upper, NESTED, is_blocked=True)
    assert blocked(found, lower, special=NESTED) == 0


def test_a_help_name_that_an_order_names_by_itself_keeps_back_nothing_beside_it() -> None:
    lower, beside = "a.help.club.example", "b.help.club.example"
    found, number = with_order(lower, beside, special=NESTED)
    decide(found, number, lower, NESTED, is_blocked=False)
    decide(found, number, "help.club.example", NESTED, is_blocked=True)
    assert [blocked(found, each, special=NESTED) for each in (lower, beside)] == [0, 16]


def test_two_statements_of_a_quarter_tell_nothing_of_a_confidential_order_or_a_request() -> None:
    """Whoever reads one each minute sees a count that moves by one, and knows when."""
    found, other = written(), written()
    secret = order("hidden.example", "help.example", is_confidential=True, ends=UNTIL + DAY)
    number = found.add("ada", secret)
    found.add("bo", edits.confirm_order(found.register, number, SPECIAL, BO, NOW))
    new = PreservationEntered(
        *("A court", "4 Gs 1/26", "FR", (KeptRecord.DECISIONS,), NOW - DAY, NOW, UNTIL + DAY),
        keeper="bo",
        document=DOCUMENT,
    )
    kept = found.add("ada", edits.enter_preservation(found.register, new, ADA, NOW))
    found.add("bo", edits.confirm_preservation(found.register, kept, BO, NOW))
    for at in (NOW, NOW + 60, UNTIL - 1):
        assert statement_of(found, at) == statement_of(other, at)
    after = statement_of(found, UNTIL)
    assert (after.law.confidential, after.preservation_requests) == (1, 1)
    at = UNTIL + 60
    given = edits.end_preservation(found.register, kept, "Given.", ADA, at)
    found.add("ada", given, at)
    found.add("ada", edits.withdraw_order(found.register, number, "Lifted.", ADA, at), at)
    again = statement_of(found, at + 60)
    assert (again.law.confidential, again.preservation_requests) == (1, 1)
    _, next_one = quarter_bounds("2027-Q1")
    assert statement_of(found, next_one).law.confidential == 0


def test_a_request_that_nobody_confirmed_is_counted_for_its_days_alone() -> None:
    found = written()
    new = PreservationEntered(
        *("A court", "4 Gs 1/26", "FR", (KeptRecord.DECISIONS,), UNTIL - 2 * DAY, UNTIL - DAY),
        *(UNTIL + 80 * DAY, "bo", DOCUMENT),
    )
    at = UNTIL - UNCONFIRMED_LASTS
    number = found.add("ada", edits.enter_preservation(found.register, new, ADA, UNTIL), at)
    request = found.register.preservations[number]
    counted = [request.kept_at(each) for each in (at - 1, at, UNTIL - 1, UNTIL)]
    assert counted == [False, True, True, False]


def test_a_report_tells_no_protected_name_of_a_confidential_order() -> None:
    """Those of public orders stand in statements, so a difference would be the others'."""
    found, other = written(), written()
    secret = order("help.example", is_confidential=True)
    number = found.add("ada", secret)
    found.add("bo", edits.confirm_order(found.register, number, SPECIAL, BO, NOW))
    new = HoldDecided(number, "help.example", is_blocked=True, why="A court.")
    found.add("rev", edits.decide_hold(found.register, new, SPECIAL, REVIEWER, NOW))
    ours, theirs = (
        quarterly_report(
            *(each.register, HEAD, "2026-Q4", (), OperatorFigures(), Measured(), UNTIL)
        ).legal_orders
        for each in (found, other)
    )
    held = ("held_names", "held_open", "held_blocked", "held_overdue")
    assert [getattr(ours, each) for each in held] == [getattr(theirs, each) for each in held]
    assert ours.confidential_in_force == theirs.confidential_in_force + 1


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
    report = quarterly_report(
        found.register, HEAD, "2026-Q4", [], OperatorFigures(), Measured(), UNTIL
    )
    assert report.family_open_for_all == (open_now,)


def test_a_provider_that_says_not_who_it_is_publishes_nothing() -> None:
    with pytest.raises(RegisterError, match="operator set"):
        statement_of(Written())


def disputes(many: int, *, hours: int = 2, is_accepted: bool = True) -> list[Dispute]:
    return [Dispute(NOW, NOW + DAY, NOW + hours * 3600, is_accepted) for _ in range(many)]


def report_of(
    asked: list[Dispute],
    figures: OperatorFigures | None = None,
    measured: Measured | None = None,
) -> QuarterlyReport:
    return quarterly_report(
        *(written().register, HEAD, "2026-Q4", asked),
        *(figures or OperatorFigures(), measured or Measured(), UNTIL),
    )


def blocks(is_layer: bool, **numbers: int) -> dict[BlockCount, int]:
    return {BlockCount(is_layer, label): number for label, number in numbers.items()}


def test_a_report_is_as_its_schema_says(tmp_path: Path) -> None:
    figures = OperatorFigures(help_desk_complaints=4, network_outages=1)
    day = UNTIL // DAY - 1
    measured = Measured(
        blocks(True, law=30, security=4321, family=98765)
        | blocks(False, games=5678, faith=300, health=19),
        {"": 4000, "north": 20, "south": 0},
        {"games": 20, "faith": 0, "health": 40},
        (
            NodeDay("n1", "north", day, 0b1111001, 0b1000),
            NodeDay("n2", "north", day, 0b1011001, 0),
        ),
    )
    report = report_of(disputes(30) + disputes(25, is_accepted=False, hours=30), figures, measured)
    signed = validate(report, "report-v1.json", tmp_path)["document"]
    orders = signed["legal_orders"]
    assert (orders["entered"], orders["in_force"], orders["ended"]) == (2, 2, 2)
    assert (orders["held_names"], orders["held_overdue"]) == (1, 1)
    assert signed["by_hand"]["blocked"][0]["name"] == "phish.example"
    assert [each["version"] for each in signed["feeds"]] == ["1", "2"]
    asked = signed["disputes"]
    assert (asked["received"], asked["accepted"], asked["refused"]) == (55, 30, None)
    assert asked["median_hours"] == 2
    assert signed["blocks_by_layer"] == {"law": 30, "security": 4300, "family": 98000}
    assert signed["blocks_by_category"] == {"games": 5600}
    assert signed["subscribers_with_filtering"] == 4000
    assert signed["filtering_by_tenant"] == {"north": 20, "south": None}
    assert (signed["help_desk_complaints"], signed["network_outages"]) == (None, 1)
    # Minutes 1 and 2: nobody answered.  5: n2 did not.  3: n1 failed, and n2 answered.
    assert signed["outages"] == 1
    assert signed["outage_days"] == [
        {
            "day": "2026-12-31",
            "site": "north",
            "down_minutes": 2,
            "silent_node_minutes": 5,
            "failing_node_minutes": 1,
        }
    ]
    assert set(signed["sources"].values()) == {"desk", "operator", "nodes", "families"}


def test_what_nobody_said_is_not_signed_as_none_at_all(tmp_path: Path) -> None:
    signed = validate(report_of([]), "report-v1.json", tmp_path)["document"]
    assert (signed["outages"], signed["blocks_by_layer"]) == (None, {})
    assert (signed["subscribers_with_filtering"], signed["network_outages"]) == (None, None)
    assert set(signed["sources"].values()) == {"desk", "unknown"}
    assert report_of([], OperatorFigures(network_outages=0)).network_outages == 0


@pytest.mark.parametrize(
    "claimed",
    [
        "blocks_by_layer",
        "blocks_by_category",
        "subscribers_with_filtering",
        "complaints",
        "outages",
    ],
)
def test_what_copdns_measures_nobody_can_claim(claimed: str) -> None:
    with pytest.raises(ValidationError):
        OperatorFigures.model_validate({claimed: 0})


def test_families_blocks_are_not_told_where_few_have_a_filter() -> None:
    few = Measured(blocks(True, law=5000, security=10, family=5000), {"": 0})
    assert report_of([], None, few).blocks_by_layer == {
        "law": 5000,
        "security": None,
        "family": None,
    }


def test_one_familys_leaving_shows_at_no_step_that_anybody_knows() -> None:
    """A tenant of 21, and one family less: both reports say the same, but for a lot in 20."""
    told = [[step_down(number, lot) for lot in range(K)] for number in range(4 * K)]
    assert all(each == 0 for number in told[:K] for each in number)
    for before, after in itertools.pairwise(told):
        changed = [one for one, other in zip(before, after, strict=True) if one != other]
        assert len(changed) <= 1
    assert told[21].count(20) == 2
    assert told[22].count(20) == 3


def test_who_knows_a_part_learns_no_small_rest_of_a_table() -> None:
    cells = {"harmless": 60, "changed": 50, "help": 40}
    assert suppress_with_rests(cells, []) == cells
    rest = {"harmless": 60, "changed": 50, "help": 3}
    told = suppress_with_rests(cells, [rest, dict.fromkeys(cells, 0)])
    assert told == {"harmless": 60, "changed": None, "help": None}


def test_a_look_at_blocks_has_two_figures() -> None:
    assert [round_down(each) for each in (0, 19, 20, 99, 129, 98765)] == [
        *(None, None, 20, 99, 120, 98000)
    ]


def test_few_questions_are_no_figure() -> None:
    found = report_of(disputes(K - 1)).disputes
    assert (found.received, found.accepted, found.median_hours, found.overdue) == (None,) * 4


def test_a_quarter_that_is_not_over_has_no_report() -> None:
    with pytest.raises(RegisterError, match="not over"):
        quarterly_report(
            written().register, HEAD, "2026-Q4", (), OperatorFigures(), Measured(), UNTIL - 1
        )
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
