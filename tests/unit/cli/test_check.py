"""`copdns check`: the whole decision, as the server makes it."""

from __future__ import annotations

import asyncio
import time

import pytest

from copdns.accounts.account import GuestKind
from copdns.household.file import parse
from copdns.list_files.load import known_ids, load_catalogue
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.build_snapshot import build_snapshot
from copdns.policy.decide import decide
from copdns.settings.config import load
from copdns.store.household_db.guests import Guests
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.usage import note_wrong_clock, save_clock
from tests.unit.calling import FAMILY, Home


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["open.example"], 0),
        (["games.example"], 3),  # her own rule
        (["games.example", "--profile", "tom"], 0),
        (["games.example", "--client", "127.0.0.2"], 0),
        (["games.example", "--client", "192.0.2.9"], 3),  # by the network of a device
        (["printer.local"], 0),  # never asked upstream
        (["open.example", "--client", "203.0.113.1"], 3),  # a stranger is refused
        (["www.google.com", "--profile", "tom"], 4),
        (["www.google.com", "--profile", "tom", "--type", "MX"], 0),
        (["childline.org.uk"], 0),
    ],
)
def test_the_exit_code_tells_what_happens(home: Home, words: list[str], code: int) -> None:
    assert home.call("check", *words).exit_code == code
    assert home.call("check", *words, "--json").exit_code == code


@pytest.mark.parametrize("typed", ["Bücher.Example", "xn--bcher-kva.example.", "BÜCHER.EXAMPLE"])
def test_names_are_taken_as_people_type_them(home: Home, typed: str) -> None:
    assert home.json("check", typed)["name"] == "xn--bcher-kva.example"


def test_every_step_is_shown_in_order_and_one_decides(home: Home) -> None:
    home.ok("profile", "set", "mia", "--default", "allowlist")
    shown = home.json("check", "games.example", "--profile", "mia")
    assert [step["number"] for step in shown["steps"]] == list(range(1, 16))
    assert [step["number"] for step in shown["steps"] if step["decides"]] == [10]
    assert [step["number"] for step in shown["steps"] if step["action"]] == [10, 15]
    assert shown["steps"][9]["title"] == "own rules"
    assert shown["steps"][14]["reason"] == "not_on_allowlist"


def test_the_answer_for_programs_has_every_field(home: Home) -> None:
    shown = home.json("check", "www.games.example", "--type", "https")
    assert shown | {"at": "", "steps": []} == {
        "name": "www.games.example",
        "type": "HTTPS",
        "household": "home",
        "profile": "mia",
        "device": "tablet",
        "client": "127.0.0.1",
        "at": "",
        "step": 10,
        "action": "block",
        "reason": "rule",
        "text": "rule: games.example",
        "category": "",
        "service": "",
        "contact": "",
        "list": "",
        "list_version": "",
        "rule": "games.example",
        "via": "",
        "target": "",
        "log_only": "",
        "period": "",
        "until": None,
        "ends": "",
        "grants": [],
        "ttl": 10,
        "grace": 0,
        "wrong_clock": False,
        "steps": [],
    }


def test_a_list_is_named_with_its_version_and_a_service_by_its_slug(home: Home) -> None:
    listed = home.json("check", "chess.example")
    assert (listed["reason"], listed["category"], listed["list"]) == (
        "category",
        "games",
        "boards",
    )
    versions = {each["list"]: each["version"] for each in home.json("lists", "status")}
    assert listed["list_version"] == versions["boards"]
    home.ok("profile", "set", "ada", "--service", "clubchat")
    assert home.json("check", "clubchat.example", "--profile", "ada")["service"] == "clubchat"


def test_it_says_what_the_server_would_decide(home: Home) -> None:
    settings = load("", "x.yaml", {})
    library = load_catalogue(())
    household = parse(FAMILY, "family.yaml", known_ids(library))
    live = build_snapshot(
        None, library, AnswerDefaults(settings.dns.allow), [household], time.time()
    )
    for name in (
        "casino.com",
        "dns.google",
        "tiktok.com",
        "www.bing.com",
        "localhost",
        "a.example",
    ):
        for client in ("127.0.0.1", "127.0.0.2", "192.168.1.77"):
            policy = live.identify(Requestor("", client, "udp")).policy
            verdict = decide(policy, name, 1, time.time())
            shown = home.json("check", name, "--client", client)
            assert (shown["action"], shown["reason"], shown["list"], shown["target"]) == (
                verdict.action,
                verdict.reason,
                verdict.list,
                verdict.target,
            )


def test_for_people_every_step_has_its_line_and_the_outcome_its_reason(home: Home) -> None:
    lines = home.call("check", "games.example").output.splitlines()
    assert lines[0] == ("games.example, type A, for Mia (profile mia) on tablet, 127.0.0.1")
    assert "checked for 127.0.0.1" in lines[1]
    assert [line[2:6].strip() for line in lines[4:19]] == [str(n) for n in range(1, 16)]
    assert ">  10  own rules" in lines[13]
    assert "block  rule: games.example" in lines[13]
    assert "Blocked at step 10: rule: games.example" in lines


def test_an_allowed_name_is_said_to_be_judged_again(home: Home) -> None:
    assert "checked again" in home.ok("check", "open.example")
    assert "checked again" not in home.call("check", "games.example").output


def test_a_block_by_a_list_shows_the_way_out_and_the_way_out_works(home: Home) -> None:
    text = home.call("check", "chess.example", "--profile", "mia").output
    command = "rule add allow chess.example --profile mia"
    assert f"to allow it: copdns {command}" in text
    home.ok(*command.split())
    assert home.call("check", "chess.example", "--profile", "mia").exit_code == 0


def test_an_unknown_device_is_asked_as_guest(home: Home) -> None:
    text = home.ok("check", "open.example", "--client", "192.168.1.77")
    assert "the built-in guest profile on an unknown device, 192.168.1.77" in text
    assert home.json("check", "open.example", "--profile", "guest")["profile"] == "guest"


@pytest.mark.parametrize("client", ["::ffff:127.0.0.2", "127.0.0.2"])
def test_a_mapped_address_is_the_address_it_maps(home: Home, client: str) -> None:
    assert home.json("check", "a.example", "--client", client)["profile"] == "tom"


def test_a_time_counts_in_the_household_zone_unless_it_names_its_own(home: Home) -> None:
    at = [
        home.json("check", "a.example", "--at", text)["at"]
        for text in ("2026-11-24T20:15", "2026-11-24T19:15Z", "2026-11-24T14:15-05:00")
    ]
    assert at == ["2026-11-24T19:15:00Z"] * 3


def test_an_announced_band_is_in_force_at_its_time(home: Home) -> None:
    home.ok("profile", "set", "ada", "--band", "10-12")
    at = home.json("profile", "show", "ada")["band_change"]["at"]
    assert home.call("check", "a.example", "--profile", "ada", "--at", at).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "two words"],
        ["check", "a.example", "--type", "AAAAA"],
        ["check", "a.example", "--type", "70000"],
        ["check", "a.example", "--client", "mia"],
        ["check", "a.example", "--profile", "mia", "--client", "127.0.0.1"],
        ["check", "a.example", "--at", "tonight"],
        ["check", "a.example", "--at", "0001-01-01"],
    ],
)
def test_what_cannot_be_meant_is_a_mistake_of_usage(home: Home, words: list[str]) -> None:
    assert home.call(*words).exit_code == 2


def test_an_unknown_profile_is_told_with_what_may_be_meant(home: Home) -> None:
    result = home.call("check", "a.example", "--profile", "mai")
    assert result.exit_code == 1
    assert result.stderr == "there is no profile 'mai'; did you mean mia?\n"


def test_types_without_a_name_are_taken_by_number(home: Home) -> None:
    assert home.json("check", "a.example", "--type", "TYPE4711")["type"] == "TYPE4711"
    assert home.json("check", "a.example", "--type", "28")["type"] == "AAAA"


def test_looking_makes_no_file(home: Home) -> None:
    home.ok("check", "a.example")
    home.ok("profile", "list")
    home.ok("log")
    assert not home.data.exists()


def test_a_mistake_in_the_household_file_is_one_of_configuration(home: Home) -> None:
    (home.folder / "family.yaml").write_text("profiles: {mia: {band: 7-8}}")
    assert home.call("check", "a.example").exit_code == 78


def test_a_name_that_begins_with_a_hyphen_is_taken_after_two_of_them(home: Home) -> None:
    refused = home.call("check", "-bad-.example")
    assert refused.exit_code == 2
    assert "after --: -- -bad-.example" in refused.stderr
    assert home.call("check", "--", "-bad-.example").stdout.startswith("-bad-.example, type A")
    assert "--:" not in home.call("check", "games.example", "--profil", "mia").stderr


# --- what a running copdns knows and others do not ------------------------------------------------

NOON = 1_764_068_400  # 2025-11-25, 12:00 in Paris


@pytest.fixture
def wrong_clock(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose machine woke up long ago by its clock; copdns has run for ten minutes since."""
    home.ok("schedule", "add", "bed", "12:05-13:00", "--profile", "mia")
    save_clock(home.data, NOON)
    note_wrong_clock(home.data, time.monotonic() - 600)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    return home


def test_a_wrong_clock_is_put_right_as_the_running_copdns_does(wrong_clock: Home) -> None:
    shown = wrong_clock.json("check", "open.example", "--profile", "mia")
    assert (shown["reason"], shown["wrong_clock"]) == ("schedule", True)
    assert shown["at"] == "2025-11-25T11:10:00Z"
    said = wrong_clock.call("check", "open.example").stdout
    assert "clock is wrong, so failures.clock applies: last_known" in said
    pause = ["pause", "tom", "--for", "30m"]
    wrong_clock.ok(*pause)
    assert wrong_clock.json("check", "open.example", "--profile", "tom")["reason"] == "paused"


def test_another_moment_is_judged_by_a_clock_that_is_right(wrong_clock: Home) -> None:
    at = "--at", "2025-11-25T10:00"
    shown = wrong_clock.json("check", "open.example", "--profile", "mia", *at)
    assert (shown["action"], shown["wrong_clock"]) == ("allow", False)


@pytest.mark.parametrize(
    ("chosen", "reason"), [("essential", "not_on_allowlist"), ("open", "default")]
)
def test_a_wrong_clock_is_taken_as_the_household_says(
    wrong_clock: Home, chosen: str, reason: str
) -> None:
    file = wrong_clock.folder / "other.yaml"
    file.write_text(f"{wrong_clock.ok('household', 'export')}failures: {{clock: {chosen}}}\n")
    wrong_clock.ok("household", "import", str(file))
    shown = wrong_clock.json("check", "open.example", "--profile", "mia")
    assert (shown["reason"], shown["wrong_clock"]) == (reason, True)


@pytest.mark.parametrize(
    ("at", "grace"), [("12:05", 5), ("12:09", 5), ("12:10", 0), ("12:04", 0), ("14:00", 0)]
)
def test_after_a_soft_end_it_says_that_names_in_use_may_be_open(
    home: Home, at: str, grace: int
) -> None:
    home.ok("schedule", "add", "bed", "12:05-13:00", "--profile", "mia", "--grace", "5")
    asked = "check", "open.example", "--profile", "mia", "--at", f"2025-11-25T{at}"
    assert home.json(*asked)["grace"] == grace
    words = "domains in use keep working for 5 min after the block starts"
    assert (words in home.call(*asked).stdout) is bool(grace)


def test_a_guest_and_a_person_by_pin_count_as_they_do_for_a_running_copdns(home: Home) -> None:
    home.ok("household", "set", "--timezone", "UTC")
    now = int(time.time())
    coming = ((50, "mia", now), (51, "mia", now - 7200), (52, "", now))  # the second one went

    async def come() -> None:
        with StoreThread.open(home.data) as thread:
            for n, profile, at in coming:
                kind = GuestKind.PERSON if profile else GuestKind.GUEST
                address = f"192.168.1.{n}"
                await Guests(thread).approve("home", kind, address, profile, "PIN", at, lasts=3600)

    asyncio.run(come())
    words = [("check", "games.example", "--client", f"192.168.1.{n}") for n, _, _ in coming]
    assert [home.json(*each)["profile"] for each in words] == ["mia", "guest", "guest"]
    assert "Mia (profile mia), temporarily on a device" in home.call(*words[0]).output
    # Her own rule closes it while she is there, and no longer.
    stretches = home.json(*words[0], "--week")["stretches"]
    assert [each["action"] for each in stretches] == ["block", "allow"]
