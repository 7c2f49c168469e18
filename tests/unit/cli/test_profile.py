"""`copdns profile`: people, what applies to each, and what is kept."""

from __future__ import annotations

import asyncio

import pytest

from copdns.model.household import Band
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.proposals import Proposal, Proposals
from copdns.store.household_db.thread import StoreThread
from tests.unit.calling import Home


def shown(home: Home, profile: str, field: str) -> object:
    return home.json("profile", "show", profile)[field]


def proposals(home: Home) -> tuple[Proposal, ...]:
    async def read() -> tuple[Proposal, ...]:
        with HouseholdStore.open(home.data) as store:
            return await Proposals(StoreThread(store)).all("home")

    return asyncio.run(read())


def test_people_are_listed(home: Home) -> None:
    assert home.ok("profile", "list").splitlines()[:2] == [
        "PROFILE  NAME  AGE    DEVICES  RECORDED",
        "mia      Mia   7-9    tablet   blocked",
    ]
    assert [each["id"] for each in home.json("profile", "list")] == ["mia", "tom", "ada"]


def test_a_person_is_added_with_what_is_fair_for_the_age(home: Home) -> None:
    printed = home.ok("profile", "add", "zoe", "--name", "Zoë", "--preset", "0-6", "--tag", "small")
    assert printed.splitlines()[0] == "profile zoe added: Zoë, 0-6"
    person = home.json("profile", "show", "zoe")
    assert person["tags"] == ["small"]
    assert person["default"] == "allowlist"
    assert person["rules"]  # what small children may see


def test_without_a_preset_only_the_age_is_set(home: Home) -> None:
    home.ok("profile", "add", "zoe", "--band", "13-15")
    person = home.json("profile", "show", "zoe")
    assert (person["name"], person["categories"], person["privacy"]) == ("zoe", [], "counts")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["zoe"], 2),
        (["zoe", "--band", "7-9", "--preset", "7-9"], 2),
        (["zoe", "--band", "7-8"], 2),
        (["Zoë", "--band", "7-9"], 2),
        (["mia", "--band", "7-9"], 1),
    ],
)
def test_who_cannot_be_added_is_told(home: Home, words: list[str], code: int) -> None:
    assert home.call("profile", "add", *words).exit_code == code


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--name", "Mia M."], "name", "Mia M."),
        (["--band", "10-12"], "band", "10-12"),
        (["--tag", "small"], "tags", ["children", "small"]),
        (["--no-tag", "children"], "tags", []),
        (["--security", "off"], "security", False),
        (["--category", "social", "--category", "ads"], "categories", ["ads", "games", "social"]),
        (["--category", "social", "--no-category", "games"], "categories", ["social"]),
        (["--service", "roblox", "--service", "clubchat"], "services", ["clubchat", "roblox"]),
        (["--contact", "strangers"], "contacts", ["strangers"]),
        (["--contact-exception", "minecraft"], "contact_exceptions", ["minecraft"]),
        (["--safe-search", "bing=strict"], "safe_search", {"bing": "strict"}),
        (["--youtube", "moderate"], "safe_search", {"youtube": "moderate"}),
        (["--no-safe-search", "on"], "no_safe_search", True),
        (["--bypass", "on"], "bypass", True),
        (["--canary", "firefox_doh"], "canaries", ["firefox_doh"]),
        (["--default", "allowlist"], "default", "allowlist"),
        (["--block-mode", "nxdomain"], "block_mode", "nxdomain"),
        (["--privacy", "off"], "privacy", "off"),
        (["--max-ttl", "30"], "max_ttl", 30),
    ],
)
def test_each_thing_can_be_set(home: Home, words: list[str], field: str, value: object) -> None:
    home.ok("profile", "set", "mia", *words)
    assert shown(home, "mia", field) == value


@pytest.mark.parametrize(
    ("first", "then", "field", "value"),
    [
        (["--service", "roblox"], ["--no-service", "roblox"], "services", []),
        (["--contact", "strangers"], ["--no-contact", "strangers"], "contacts", []),
        (
            ["--contact-exception", "minecraft"],
            ["--no-contact-exception", "minecraft"],
            "contact_exceptions",
            [],
        ),
        (["--youtube", "strict"], ["--youtube", "off"], "safe_search", {}),
        (["--safe-search", "bing=strict"], ["--safe-search", "bing=off"], "safe_search", {}),
        (["--canary", "firefox_doh"], ["--no-canary", "firefox_doh"], "canaries", []),
        (["--max-ttl", "30"], ["--max-ttl", "band"], "max_ttl", None),
        (["--bypass", "on"], ["--bypass", "off"], "bypass", False),
    ],
)
def test_each_thing_can_be_taken_back(
    home: Home, first: list[str], then: list[str], field: str, value: object
) -> None:
    home.ok("profile", "set", "mia", *first)
    home.ok("profile", "set", "mia", *then)
    assert shown(home, "mia", field) == value


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([], 2),
        (["--days", "3"], 2),
        (["--privacy", "blocked", "--days", "3"], 2),
        (["--privacy", "full", "--days", "8"], 2),
        (["--safe-search", "google"], 2),
        (["--bypass", "yes"], 2),
        (["--max-ttl", "0"], 2),
        (["--max-ttl", "086400999"], 2),
        (["--band", "8"], 2),
        (["--category", "gmaes"], 1),
        (["--no-category", "gmaes"], 1),
        (["--service", "no_such"], 1),
        (["--safe-search", "google=moderate"], 1),
        (["--canary", "no_such"], 1),
    ],
)
def test_what_cannot_be_set_is_told_and_changes_nothing(
    home: Home, words: list[str], code: int
) -> None:
    before = home.json("profile", "show", "mia")
    assert home.call("profile", "set", "mia", *words).exit_code == code
    assert home.json("profile", "show", "mia") == before


def test_what_is_so_already_is_no_change(home: Home) -> None:
    home.ok("profile", "set", "mia", "--category", "social")
    assert "no change" in home.ok("profile", "set", "mia", "--category", "social")
    assert "no change" in home.ok("profile", "set", "mia", "--no-category", "ads")
    assert home.json("household", "show")["revision"] == 2


def test_an_unknown_person_is_told_with_who_may_be_meant(home: Home) -> None:
    for words in (["show", "mai"], ["set", "mai", "--name", "x"], ["remove", "mai"]):
        result = home.call("profile", *words)
        assert result.exit_code == 1
        assert "did you mean mia?" in result.stderr


def test_a_preset_begins_anew_and_options_go_on_top(home: Home) -> None:
    home.ok("profile", "set", "mia", "--preset", "10-12", "--category", "ads")
    person = home.json("profile", "show", "mia")
    assert person["band"] == "10-12"
    assert {"adult", "ads"} <= set(person["categories"])
    assert "games" not in person["categories"]


def test_a_lower_age_of_a_teenager_is_announced_and_can_be_taken_back(home: Home) -> None:
    printed = home.ok("profile", "set", "tom", "--band", "10-12")
    assert printed.startswith("profile tom: band change: none -> becomes 10-12 on ")
    assert "announced:  10-12 from " in home.ok("profile", "show", "tom")
    assert shown(home, "tom", "band_now") == "13-15"
    home.ok("profile", "set", "tom", "--band", "13-15")
    assert shown(home, "tom", "band_change") is None


def test_the_rules_of_an_announced_age_are_proposed_for_its_day(home: Home) -> None:
    """Rules that came at once would make the announcement an empty word."""
    before = shown(home, "tom", "categories")
    printed = home.ok("profile", "set", "tom", "--preset", "10-12", "--times")
    assert "the rules of 10-12 are planned for " in printed
    assert shown(home, "tom", "categories") == before
    assert shown(home, "tom", "band_now") == "13-15"
    (proposed,) = proposals(home)
    assert (proposed.profile, proposed.band) == ("tom", Band.TO_12)
    home.ok("profile", "set", "tom", "--preset", "13-15")
    assert proposals(home) == ()
    assert "proposed" not in home.ok("profile", "set", "tom", "--band", "10-12")
    assert proposals(home) == ()


def test_a_full_log_of_a_young_child_begins_at_once_and_ends_by_itself(home: Home) -> None:
    home.ok("profile", "set", "mia", "--privacy", "full", "--days", "2")
    assert shown(home, "mia", "privacy_now") == "full"
    text = home.ok("profile", "show", "mia")
    assert "full: every domain, with time and device" in text
    assert "then blocked again" in text


def test_a_full_log_of_a_teenager_is_announced(home: Home) -> None:
    home.ok("profile", "set", "tom", "--privacy", "full")
    assert shown(home, "tom", "privacy_now") == "counts"
    assert "announced: every domain from " in home.ok("profile", "show", "tom")


def test_another_mode_ends_a_full_log(home: Home) -> None:
    home.ok("profile", "set", "mia", "--privacy", "full")
    home.ok("profile", "set", "mia", "--privacy", "counts")
    assert shown(home, "mia", "privacy_now") == "counts"
    refused = home.call("profile", "set", "mia", "--privacy", "full")
    assert refused.exit_code == 1
    assert "once every 30 days; the next can start at " in refused.stderr


def test_a_full_log_that_needs_consent_is_refused_with_the_reason(home: Home) -> None:
    refused = home.call("profile", "set", "ada", "--privacy", "full")
    assert refused.exit_code == 1
    assert "given on their own device" in refused.stderr
    younger = home.call("profile", "set", "tom", "--band", "16-17", "--privacy", "full")
    assert younger.exit_code == 1


def test_it_is_always_said_that_help_is_never_recorded(home: Home) -> None:
    for profile in ("mia", "tom", "ada", "guest"):
        assert "are never recorded" in home.ok("profile", "show", profile)


def test_everything_that_applies_is_shown(home: Home) -> None:
    home.ok("profile", "set", "mia", "--contact", "strangers", "--youtube", "strict")
    text = home.ok("profile", "show", "mia")
    for line in (
        "categories: games",
        "youtube: strict",
        "r1: block games.example for mia",
        "blocked domains: nodata",
        "domains for 7 days, counts for 30 days",
    ):
        assert f"  {line}\n" in text
    strangers = next(line for line in text.splitlines() if "strangers" in line)
    assert "clubchat" in strangers
    assert "roblox" in strangers


def test_an_exception_from_a_contact_kind_is_shown_beside_what_it_is_from(home: Home) -> None:
    more = ("--contact-exception", "minecraft", "--no-category", "games")
    home.ok("profile", "set", "mia", "--contact", "strangers", *more)
    text = home.ok("profile", "show", "mia")
    strangers = next(line for line in text.splitlines() if "strangers" in line)
    assert strangers.endswith("(exceptions: minecraft)")
    assert "minecraft" not in strangers.partition("(exceptions")[0]
    rows = home.json("service", "list", "--profile", "mia")
    states = {each["id"]: (each["state"], each["text"]) for each in rows}
    assert states["minecraft"] == ("open", "default: service minecraft is an exception (strangers)")
    assert states["roblox"] == ("blocked", "contact: service roblox (strangers)")
    table = home.ok("service", "list", "--profile", "mia", "--own")
    assert "clubchat" in table
    assert "minecraft" not in table


def test_no_exception_is_made_where_nobody_can_write(home: Home) -> None:
    result = home.call("profile", "set", "mia", "--contact-exception", "netflix")
    assert result.exit_code == 1
    assert "in netflix nobody can send messages, so no exception is needed" in result.output
    result = home.call("profile", "set", "mia", "--contact-exception", "minecarft")
    assert (result.exit_code, "minecraft" in result.output) == (1, True)


def test_nobody_is_removed_while_devices_would_belong_to_them(home: Home) -> None:
    assert home.call("profile", "remove", "mia").exit_code == 1
    home.ok("device", "remove", "tablet")
    assert home.ok("profile", "remove", "mia").splitlines() == [
        "profile mia removed: Mia, 7-9",
        "rule r1 removed: block games.example for mia",
    ]


def test_profiles_are_completed_as_typed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    words = f"copdns {' '.join(home.start)} profile show m"
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    monkeypatch.setenv("_COPDNS_COMPLETE", "bash_complete")
    from click.testing import CliRunner

    from copdns.cli import main

    assert CliRunner().invoke(main, prog_name="copdns").output == "plain,mia\n"
