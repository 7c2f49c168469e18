"""A legal order needs two people, ends at its second, and holds what is protected for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from copdns.model.errors import RegisterError
from copdns.model.matchers import Matcher
from copdns.model.names import to_wire
from copdns.provider.law import edits, register_in_force
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import (
    FeedTaken,
    HandLayer,
    HoldDecided,
    KeptRecord,
    NameAdded,
    PreservationEntered,
)
from copdns.provider.law.register import UNCONFIRMED_LASTS, OrderState
from copdns.provider.plane.name_sets import compile_names, sets_by_part
from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import Layer, ListedNames, PolicyClass, SpecialNames
from copdns.provider.plane.verdicts import judge_set
from copdns.provider.staff.duties import StaffMember, StaffRole
from tests.provider_staff import (
    ADA,
    AUDITOR,
    BO,
    DOCUMENT,
    NOW,
    REVIEWER,
    SPECIAL,
    SUPPORT,
    Written,
    order,
    staff_added,
)


def enter(written: Written, *names: str, **fields: object) -> int:
    """Enter an order and confirm it; return its number."""
    new = edits.enter_order(written.register, order(*names, **fields), ADA, NOW)  # type: ignore[arg-type]
    number = written.add("ada", new)
    written.add("bo", edits.confirm_order(written.register, number, SPECIAL, BO, NOW))
    return number


def blocked(written: Written, name: str, now: int = NOW, special: SpecialNames = SPECIAL) -> int:
    """Return the code of the extended error that everybody gets for a name; 0: it is open."""
    listed = register_in_force.with_register(ListedNames((), special), written.register, now)
    layers = {each.slug: each.layer for each in listed.lists}
    probe = replace(listed.special, reference=(Matcher(name),))  # so that it has a row of its own
    rows = compile_names(replace(listed, special=probe))
    at_name, _ = sets_by_part(rows[to_wire(name)])
    verdict = judge_set(PolicyClass(), at_name, layers)
    return verdict.code if verdict else 0


def test_an_order_holds_from_its_confirmation_and_is_over_at_its_second() -> None:
    written = Written()
    number = written.add("ada", edits.enter_order(written.register, order("bad.example"), ADA, NOW))
    assert register_in_force.lists_in_force(written.register, NOW) == ()
    written.add("bo", edits.confirm_order(written.register, number, SPECIAL, BO, NOW))
    end = NOW + DAY
    assert blocked(written, "bad.example", end - 1) == 16
    assert register_in_force.next_change(written.register, NOW) == end
    assert blocked(written, "bad.example", end) == 0
    assert register_in_force.next_change(written.register, end) is None
    assert written.register.orders[number].state(end) is OrderState.OVER


def test_an_order_of_next_week_begins_by_itself() -> None:
    written = Written()
    enter(written, "bad.example", begins=NOW + DAY, ends=NOW + 2 * DAY)
    assert blocked(written, "bad.example", NOW + DAY - 1) == 0
    assert register_in_force.next_change(written.register, NOW) == NOW + DAY
    assert blocked(written, "bad.example", NOW + DAY) == 16


def test_nobody_confirms_what_they_entered() -> None:
    written = Written()
    number = written.add("ada", order("bad.example"))
    with pytest.raises(RegisterError, match="another person"):
        edits.confirm_order(written.register, number, SPECIAL, ADA, NOW)


def test_nobody_confirms_what_they_entered_under_another_name() -> None:
    written = Written()
    written.add("console", staff_added(replace(ADA, subject="4711")))
    number = written.add("ada", order("bad.example"))
    written.add("console", edits.remove_staff(written.register, "ada", None))
    again = replace(ADA, id="ada2", subject="4711")
    written.add("console", edits.add_staff(written.register, again, None))
    with pytest.raises(RegisterError, match="another person"):
        edits.confirm_order(written.register, number, SPECIAL, again, NOW)


def test_a_login_of_somebody_who_is_gone_is_not_given_to_another_reviewer() -> None:
    written = Written()
    written.add("ada", staff_added(replace(REVIEWER, subject="4712")))
    written.add("ada", edits.remove_staff(written.register, "rev", ADA))
    with pytest.raises(RegisterError, match="or did before"):
        edits.add_staff(written.register, replace(REVIEWER, id="other", subject="4712"), ADA)
    assert edits.add_staff(written.register, replace(REVIEWER, subject="4712"), ADA).staff == "rev"


def test_only_the_decider_learns_which_protected_names_an_order_has() -> None:
    written = Written()
    number = enter(written, "www.help.example", is_confidential=True)
    other = replace(REVIEWER, id="other")
    said = set()
    for name in ("help.example", "free.example"):
        with pytest.raises(RegisterError) as refused:
            edits.decide_hold(
                written.register, HoldDecided(number, name, True, "?"), SPECIAL, other, NOW
            )
        said.add(str(refused.value))
    assert len(said) == 1


def test_texts_of_an_order_are_stored_as_they_were_checked() -> None:
    new = order("bad.example", authority=f"A\x1c{' ' * 9999}\ncourt")
    assert edits.enter_order(Written().register, new, ADA, NOW).authority == "A court"


@pytest.mark.parametrize("who", [REVIEWER, AUDITOR, SUPPORT])
def test_only_who_keeps_the_register_enters_and_confirms(who: StaffMember) -> None:
    written = Written()
    number = written.add("ada", order("bad.example"))
    with pytest.raises(RegisterError, match="may not do this"):
        edits.enter_order(written.register, order("bad.example"), who, NOW)
    with pytest.raises(RegisterError, match="may not do this"):
        edits.confirm_order(written.register, number, SPECIAL, who, NOW)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ends": NOW}, "ends within a year"),
        ({"ends": NOW + 367 * DAY}, "ends within a year"),
        ({"begins": NOW + DAY, "ends": NOW + DAY}, "before it begins"),
        ({"begins": 10**15, "ends": 10**15 + DAY}, "begins within a year"),
        ({"begins": -(10**15)}, "begins within a year"),
        ({"document": "its name"}, "checksum"),
        ({"authority": " "}, "the authority"),
        ({"country": "fr"}, "country"),
        ({"link": "http://court.example"}, "https"),
        ({"names": ()}, "names"),
        ({"names": ("example",)}, "not a website"),
        ({"decider": "sup"}, "cannot decide"),
        ({"decider": "mia"}, "does not work here"),
        ({"decide_within": 4 * DAY}, "three days"),
    ],
)
def test_an_order_says_what_it_must(fields: dict[str, object], said: str) -> None:
    with pytest.raises(RegisterError, match=said):
        edits.enter_order(Written().register, order("bad.example", **fields), ADA, NOW)  # type: ignore[arg-type]


def test_a_protected_name_waits_for_the_person_who_is_named() -> None:
    written = Written()
    number = enter(written, "www.help.example", "bad.example")
    (held,) = written.register.orders[number].holds
    assert (held.name, held.decider, held.deadline) == ("help.example", "rev", NOW + DAY)
    assert blocked(written, "www.help.example") == 0
    assert blocked(written, "bad.example") == 16, "the rest of the order is in force"
    yes = HoldDecided(number, "help.example", True, "The court was told, and insists.")
    for who in (ADA, BO):
        with pytest.raises(RegisterError, match="rev decides"):
            edits.decide_hold(written.register, yes, SPECIAL, who, NOW)
    assert held.is_overdue(NOW + DAY + 1)
    assert blocked(written, "www.help.example", NOW + DAY - 1) == 0, "a silence blocks nothing"
    written.add("rev", edits.decide_hold(written.register, yes, SPECIAL, REVIEWER, NOW))
    assert blocked(written, "www.help.example") == 16
    assert blocked(written, "help.example") == 0, "the order names a part of it"
    assert "www.help.example CNAME ." in response_zone(
        register_in_force.with_register(ListedNames((), SPECIAL), written.register, NOW)
    )
    with pytest.raises(RegisterError, match="has decided"):
        edits.decide_hold(written.register, yes, SPECIAL, REVIEWER, NOW)


def test_a_protected_name_that_was_left_open_stays_open() -> None:
    written = Written()
    number = enter(written, "www.help.example")
    no = HoldDecided(number, "help.example", False, "We told the court what this is.")
    written.add("rev", edits.decide_hold(written.register, no, SPECIAL, REVIEWER, NOW))
    assert register_in_force.lists_in_force(written.register, NOW) == ()


def test_an_order_above_a_protected_name_blocks_the_rest_at_once() -> None:
    written = Written()
    special = replace(SPECIAL, help=(Matcher("help.club.example"),))
    number = written.add("ada", order("club.example"))
    written.add("bo", edits.confirm_order(written.register, number, special, BO, NOW))
    (held,) = written.register.orders[number].holds
    assert held.name == "help.club.example"
    zone = response_zone(
        register_in_force.with_register(ListedNames((), special), written.register, NOW)
    ).splitlines()
    assert "club.example CNAME ." in zone
    assert "help.club.example CNAME rpz-passthru." in zone


def test_a_part_of_what_the_network_needs_cannot_be_blocked_and_the_whole_can() -> None:
    written = Written()
    part, whole = enter(written, "a.time.example"), enter(written, "time.example")
    yes = HoldDecided(part, "time.example", True, "It insists.")
    with pytest.raises(RegisterError, match="as a whole"):
        edits.decide_hold(written.register, yes, SPECIAL, REVIEWER, NOW)
    yes = replace(yes, order=whole)
    written.add("rev", edits.decide_hold(written.register, yes, SPECIAL, REVIEWER, NOW))
    assert blocked(written, "time.example") == 16
    assert register_in_force.special_in_force(SPECIAL, written.register, NOW + DAY) == SPECIAL


def test_a_withdrawn_order_is_over_at_once() -> None:
    written = Written()
    number = enter(written, "bad.example")
    written.add("ada", edits.withdraw_order(written.register, number, "It was lifted.", ADA, NOW))
    assert register_in_force.lists_in_force(written.register, NOW) == ()
    assert register_in_force.next_change(written.register, NOW) is None
    with pytest.raises(RegisterError, match="withdrawn already"):
        edits.withdraw_order(written.register, number, "Again.", ADA, NOW)


def test_a_name_added_by_hand_has_two_authors_and_ends_in_seven_days() -> None:
    written = Written()
    new = NameAdded(HandLayer.SECURITY, "Phish.Example", "It asks for passwords.", NOW + 7 * DAY)
    number = written.add("ada", edits.add_name(new, ADA, SPECIAL, NOW))
    assert register_in_force.lists_in_force(written.register, NOW) == ()
    with pytest.raises(RegisterError, match="another person"):
        edits.confirm_name(written.register, number, ADA, NOW)
    written.add("bo", edits.confirm_name(written.register, number, BO, NOW))
    (found,) = register_in_force.lists_in_force(written.register, NOW)
    assert (found.layer, found.names) == (Layer.SECURITY, (Matcher("phish.example"),))
    assert blocked(written, "phish.example") == 15
    assert blocked(written, "phish.example", NOW + 7 * DAY) == 0
    for wrong, said in (
        (replace(new, ends=NOW + 7 * DAY + 1), "seven days"),
        (replace(new, name="www.help.example"), "protected"),
        (replace(new, name="*.example"), "not a website"),
        (replace(new, why=""), "the reason"),
    ):
        with pytest.raises(RegisterError, match=said):
            edits.add_name(wrong, ADA, SPECIAL, NOW)


def test_a_broken_domain_is_opened_in_the_same_way() -> None:
    written = Written()
    new = NameAdded(HandLayer.ANCHOR, "club.example", "Its keys ran out.", NOW + DAY)
    number = written.add("ada", edits.add_name(new, ADA, SPECIAL, NOW))
    written.add("bo", edits.confirm_name(written.register, number, BO, NOW))
    assert register_in_force.anchors_in_force(written.register, NOW) == ("club.example",)
    assert register_in_force.anchors_in_force(written.register, NOW + DAY) == ()
    assert register_in_force.lists_in_force(written.register, NOW) == ()


def test_a_version_of_a_feed_is_one_file() -> None:
    written = Written()
    new = FeedTaken("phishing", "https://feed.example/list", "2026-11-28", DOCUMENT, 12)
    written.add("console", edits.take_feed(written.register, new) or new)
    assert edits.take_feed(written.register, new) is None
    for wrong, said in (
        (replace(new, digest="e1" * 32), "another file"),
        (replace(new, version=""), "version"),
        (replace(new, source=""), "source"),
    ):
        with pytest.raises(RegisterError, match=said):
            edits.take_feed(written.register, wrong)


def test_what_there_is_is_preserved_until_an_end_and_nothing_that_is_to_come() -> None:
    written = Written()
    new = PreservationEntered(
        *("A court", "4 Gs 1/26", "FR", (KeptRecord.DECISIONS,), NOW - DAY, NOW, NOW + 90 * DAY),
        keeper="bo",
        document=DOCUMENT,
    )
    number = written.add("ada", edits.enter_preservation(written.register, new, ADA, NOW))
    found = written.register.preservations[number]
    assert found.keeps(NOW)
    assert not found.keeps(NOW + UNCONFIRMED_LASTS), "one person alone does not keep it for long"
    with pytest.raises(RegisterError, match="another person"):
        edits.confirm_preservation(written.register, number, ADA, NOW)
    written.add("bo", edits.confirm_preservation(written.register, number, BO, NOW))
    found = written.register.preservations[number]
    assert found.keeps(NOW + 90 * DAY - 1)
    assert not found.keeps(NOW + 90 * DAY)
    for wrong, said in (
        (replace(new, through=NOW + 1), "not what is to come"),
        (replace(new, since=-(10**15)), "only what there is"),
        (replace(new, ends=NOW + 91 * DAY), "90 days"),
        (replace(new, keeper="mia"), "does not work here"),
        (replace(new, records=()), "names the records"),
    ):
        with pytest.raises(RegisterError, match=said):
            edits.enter_preservation(written.register, wrong, ADA, NOW)


def test_one_administrator_opens_the_layer_of_families_for_a_day_at_most() -> None:
    written = Written()
    end = NOW + 4 * 3600
    with pytest.raises(RegisterError, match="may not do this"):
        edits.open_family(written.register, "A list.", end, REVIEWER, NOW)
    for ends in (NOW, NOW + DAY + 1):
        with pytest.raises(RegisterError, match="24 hours"):
            edits.open_family(written.register, "A list.", ends, ADA, NOW)
    with pytest.raises(RegisterError, match="not open"):
        edits.close_family(written.register, "It is right.", ADA, NOW)
    number = written.add("ada", edits.open_family(written.register, "A list.", end, ADA, NOW))
    register = written.register
    assert [bool(register.open_family(at)) for at in (NOW - 1, NOW, end - 1, end)] == [
        *(False, True, True, False)
    ]
    assert register_in_force.next_change(register, NOW) == end
    with pytest.raises(RegisterError, match=f"by entry {number} already"):
        edits.open_family(register, "Again.", end, BO, NOW)
    written.add("bo", edits.close_family(register, "It is right.", BO, NOW + 9), NOW + 9)
    assert written.register.open_family(NOW + 9) is None
    assert written.register.openings[number].ends == NOW + 9


def test_the_console_makes_administrators_who_add_all_others() -> None:
    register = Written().register
    tenants_own = StaffMember("new", "New", StaffRole.REVIEWER, tenant="north")
    with pytest.raises(RegisterError, match="no tenant"):
        edits.add_staff(register, tenants_own, ADA)
    with pytest.raises(RegisterError, match="at the machine"):
        edits.add_staff(register, StaffMember("new", "New", StaffRole.ADMINISTRATOR), ADA)
    with pytest.raises(RegisterError, match="at the machine"):
        edits.add_staff(register, replace(BO, role=StaffRole.SUPPORT), ADA)
    with pytest.raises(RegisterError, match="may not do this"):
        edits.add_staff(register, StaffMember("new", "New", StaffRole.SUPPORT), REVIEWER)
    assert edits.add_staff(register, StaffMember("new", "New", StaffRole.SUPPORT), ADA).staff
    with pytest.raises(RegisterError, match="at the machine"):
        edits.remove_staff(register, "bo", ADA)
    assert edits.remove_staff(register, "rev", ADA).staff == "rev"
