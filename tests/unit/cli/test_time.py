"""`copdns usage`, `bonus`, `pause`, `grant` and `ticket`: what is bent for a day or an hour."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from copdns.accounts.codes import ticket_digest
from copdns.store.log_db.usage import UsageStore
from copdns.time.minutes import Minutes, Usage
from tests.unit.calling import Home

NOON = 1_795_518_000  # Tuesday 2026-11-24, twelve o'clock in Paris
TODAY, YESTERDAY = date(2026, 11, 24), date(2026, 11, 23)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr("time.time", lambda: NOON)
    return Home(tmp_path)


def clock(monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr("time.time", lambda: now)


def used(home: Home, day: date, minutes: Minutes, profile: str = "mia") -> None:
    """Store minutes as a running copdns does."""
    home.data.mkdir(exist_ok=True)
    usage = Usage("home", profile, "games", day, NOON - 43_200, minutes=minutes)
    UsageStore(home.data).save([usage])


# --- minutes that are a person's own ---


READINGS = (
    ("usage",),
    ("usage", "--json"),
    ("usage", "--profile", "tom", "--days", "30"),
    ("report", "--json"),
    ("check", "www.clubchat.example", "--profile", "tom", "--json"),
    ("check", "www.clubchat.example", "--client", "127.0.0.2"),
    ("check", "www.clubchat.example", "--profile", "tom", "--week"),
    ("profile", "show", "tom"),
    ("schedule", "show"),
    ("log", "--counts", "--json"),
    ("bonus", "tom", "games", "5"),
)


def reading(home: Home, profile: str, used_today: int) -> list[str]:
    """Return what commands tell of a limit on one site of whom no names are kept, or of Mia."""
    home.ok(
        *("budget", "add", "games", "60", "--profile", profile),
        *("--about", "service:clubchat", "--carry-over"),
    )
    minutes = Minutes(used_today, used_today, used_today)
    used(home, TODAY, minutes, profile)
    used(home, YESTERDAY, minutes, profile)
    commands = [tuple(profile if word == "tom" else word for word in each) for each in READINGS]
    return [home.call(*each).output for each in commands]


def test_commands_tell_nobody_else_how_long_somebody_used_one_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock(monkeypatch, NOON)
    found = []
    for minutes in (0, 27, 60):
        folder = tmp_path / str(minutes)
        folder.mkdir()
        found.append(reading(Home(folder), "tom", minutes))
    assert found[0] == found[1] == found[2]
    assert "Shown only to tom, on the person's own page: games" in found[0][0]
    assert "only tom sees how much of it is left" in found[0][-1]


def test_of_whom_blocked_names_are_kept_commands_tell_it(home: Home) -> None:
    """So each of these would tell, were it not withheld."""
    found = dict(zip(READINGS, reading(home, "mia", 60), strict=True))
    assert "60" in found["usage",]
    assert (
        '"reason": "budget"' in found["check", "www.clubchat.example", "--profile", "tom", "--json"]
    )


# --- usage and bonus ------------------------------------------------------------------------------


def budget(home: Home, *words: str) -> None:
    home.ok("budget", "add", "games", "60", "--about", "category:games", *words)


def test_usage_of_today_is_shown_with_what_is_left_and_as_an_estimate(home: Home) -> None:
    budget(home, "--profile", "mia")
    used(home, TODAY, Minutes(20, 35, 50))
    text = home.ok("usage")
    assert "mia      games   20   35      50    60  25" in text.splitlines()
    assert "estimated from DNS queries" in text
    assert home.json("usage")["today"] == [
        {
            "profile": "mia",
            "budget": "games",
            "low": 20,
            "likely": 35,
            "high": 50,
            "total": 60,
            "left": 25,
        }
    ]


def test_a_bonus_and_what_is_carried_over_are_in_the_total(home: Home) -> None:
    budget(home, "--profile", "mia", "--carry-over")
    used(home, YESTERDAY, Minutes(40, 45, 50))
    home.ok("bonus", "mia", "games", "30")
    home.ok("bonus", "mia", "games", "10", "--credit")
    home.ok("bonus", "mia", "games", "99", "--day", "2026-11-28")
    assert home.json("usage")["today"][0]["total"] == 60 + 15 + 30 + 10


def test_more_than_all_leaves_nothing(home: Home) -> None:
    budget(home, "--profile", "mia")
    used(home, TODAY, Minutes(60, 70, 90))
    assert home.json("usage")["today"][0]["left"] == 0


def test_a_day_without_a_limit_says_so(home: Home) -> None:
    home.ok("budget", "add", "games", "weekend=60", "--profile", "mia")
    assert "no limit" in home.ok("usage", "--profile", "mia")
    line = home.json("usage")["today"][0]
    assert (line["total"], line["left"]) == (None, None)


def test_everyone_has_a_budget_of_their_own_and_guests_too(home: Home) -> None:
    budget(home)
    shown = home.json("usage")
    assert [each["profile"] for each in shown["today"]] == ["mia", "tom", "ada", "guest"]
    assert [each["profile"] for each in home.json("usage", "--profile", "tom")["today"]] == ["tom"]
    assert home.call("usage", "--profile", "mai").exit_code == 1


def test_earlier_days_are_shown_for_as_many_as_are_asked_for(home: Home) -> None:
    budget(home, "--profile", "mia")
    used(home, YESTERDAY, Minutes(1, 2, 3))
    used(home, date(2026, 11, 10), Minutes(4, 5, 6))
    assert [each["day"] for each in home.json("usage")["before"]] == ["2026-11-23"]
    assert home.json("usage", "--days", "0")["before"] == []
    assert len(home.json("usage", "--days", "30")["before"]) == 2
    assert "2026-11-23  mia      games   1    2       3" in home.ok("usage")


def test_a_bonus_is_for_the_day_that_budgets_count(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = (home.folder / "family.yaml").read_text()
    (home.folder / "family.yaml").write_text(f'day_starts: "04:00"\n{family}')
    budget(home, "--profile", "mia")
    clock(monkeypatch, NOON + 13 * 3600)  # an hour after midnight
    given = home.json("bonus", "mia", "games", "1h")
    assert (given["day"], given["minutes"], given["kind"]) == ("2026-11-24", 60, "bonus")
    assert given["author"] == "command line"


def test_a_bonus_tells_what_is_left_with_it(home: Home) -> None:
    budget(home, "--profile", "mia")
    used(home, TODAY, Minutes(50, 66, 70))  # the last minute showed that a silence was use
    given = ["bonus", "mia", "games"]
    assert "still nothing left: 66 minutes counted, of 64" in home.ok(*given, "4")
    assert "left today, as last counted: 8 of 74 minutes" in home.ok(*given, "10")
    assert "left" not in home.ok(*given, "10", "--day", "2026-11-28")


def test_a_bonus_for_a_day_without_a_limit_tells_so(home: Home) -> None:
    home.ok("budget", "add", "games", "weekend=60", "--profile", "mia")
    assert "there is no limit today" in home.ok("bonus", "mia", "games", "10")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mia", "games", "0"], 2, "write at least 1"),
        (["mia", "games", "25h"], 2, "more than a day"),
        (["mia", "gmaes", "30"], 1, "did you mean games?"),
        (["tom", "games", "30"], 1, "budget of tom"),
        (["mia", "games", "30", "--day", "tomorrow"], 2, "write one such as 2026-12-24"),
    ],
)
def test_a_bonus_that_nothing_takes_is_refused(
    home: Home, words: list[str], code: int, said: str
) -> None:
    budget(home, "--profile", "mia")
    refused = home.call("bonus", *words)
    assert refused.exit_code == code
    assert said in " ".join(refused.stderr.split())


def test_check_counts_what_was_used_today_and_for_no_other_day(home: Home) -> None:
    budget(home, "--profile", "mia")
    used(home, TODAY, Minutes(60, 60, 60))
    home.ok("rule", "add", "allow", "chess.example", "--profile", "mia")
    words = ["chess.example", "--profile", "mia"]
    now = home.json("check", *words)
    assert (now["reason"], now["period"], now["ends"]) == ("budget", "games", "Wed 00:00")
    assert home.json("check", *words, "--at", "2026-11-24T23:59")["reason"] == "budget"
    for at in ("2026-11-25T00:00", "2026-11-23T12:00", "2026-12-24T12:00"):
        assert home.json("check", *words, "--at", at)["reason"] == "rule"
    home.ok("bonus", "mia", "games", "30")
    assert home.json("check", *words)["reason"] == "rule"


# --- pause ----------------------------------------------------------------------------------------


def test_a_pause_lasts_as_long_as_is_said(home: Home) -> None:
    paused = home.json("pause", "mia", "--for", "30m")
    assert paused == {
        "profile": "mia",
        "start": "2026-11-24T11:00:00Z",
        "end": "2026-11-24T11:30:00Z",
        "homework": False,
        "author": "command line",
    }
    assert home.json("pause", "mia", "--until", "20:00")["end"] == "2026-11-24T19:00:00Z"
    assert home.json("pause", "mia", "--homework")["end"] is None
    assert "mia      2026-11-24 12:00  someone ends it  yes" in home.ok("pause")
    check = home.call("check", "open.example", "--profile", "mia", "--json")
    assert '"reason": "paused"' in check.stdout
    assert "paused from 2026-11-24 12:00" in home.ok("profile", "show", "mia")


def test_a_pause_is_ended_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.ok("pause", "mia")
    assert home.ok("pause", "mia", "--end").startswith("pause mia removed: ")
    assert home.json("pause") == []
    refused = home.call("pause", "mia", "--end")
    assert (refused.exit_code, refused.stderr) == (
        1,
        "mia is not paused; there is nothing to end\n",
    )
    home.ok("pause", "mia", "--for", "1")
    clock(monkeypatch, NOON + 60)
    assert home.json("pause") == []
    assert home.json("profile", "show", "mia")["pause"] is None


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["mai"], 1),
        (["guest"], 1),
        (["--for", "30m"], 2),
        (["mia", "--for", "0"], 2),
        (["mia", "--for", "30m", "--until", "20:00"], 2),
        (["mia", "--until", "2026-11-24T11:59"], 2),
        (["mia", "--until", "later"], 2),
        (["mia", "--end", "--homework"], 2),
    ],
)
def test_a_pause_that_cannot_be_is_refused(home: Home, words: list[str], code: int) -> None:
    assert home.call("pause", *words).exit_code == code
    assert home.json("pause") == []


# --- grant ----------------------------------------------------------------------------------------


def test_a_permission_opens_a_name_until_its_end(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ok("profile", "set", "mia", "--default", "allowlist")
    given = home.ok("grant", "mia", "open.example", "--for", "1h", "--note", "For school.")
    assert given == (
        "grant g1 added: mia: open.example from 2026-11-24 12:00 until 2026-11-24 13:00, "
        "lifts content, by guardian (For school.)\n"
    )
    shown = home.json("check", "www.open.example", "--profile", "mia")
    assert (shown["action"], shown["reason"]) == ("allow", "granted")
    assert shown["until"] == "2026-11-24T12:00:00Z"
    assert [each["id"] for each in shown["grants"]] == ["g1"]
    text = home.ok("check", "open.example", "--profile", "mia")
    assert re.search(r"6 +grants +lifts +g1 \(content\)", text)
    assert "  grant g1: mia: open.example from " in text
    clock(monkeypatch, NOON + 3600)
    assert home.json("check", "open.example", "--profile", "mia")["grants"] == []
    assert home.json("grant", "list") == []
    assert [each["id"] for each in home.json("grant", "list", "--all")] == ["g1"]


def test_everything_is_a_permission_for_time(home: Home) -> None:
    home.ok("schedule", "add", "now", "daily", "00:00-24:00", "--profile", "mia")
    closed = home.call("check", "open.example", "--profile", "mia")
    assert "  by now\n" in closed.output
    assert "copdns grant mia open.example --for 1h --lifts time" in closed.output
    given = home.json("grant", "give", "mia", "everything", "--until", "12:30")
    assert (given["about"], given["content"], given["time"]) == (None, False, True)
    home.ok("check", "open.example", "--profile", "mia")


def test_a_permission_for_a_service_tells_first_which_names_it_opens(home: Home) -> None:
    text = home.ok("grant", "mia", "service:clubchat", "--for", "1h", "--lifts", "both")
    lines = text.splitlines()
    assert lines[0] == "service:clubchat includes clubchat.example"
    assert "lifts content and time" in lines[1]
    again = home.json("grant", "mia", "service:clubchat", "--for", "1h")
    assert again["names"] == ["clubchat.example"]
    shown = home.json("grant", "mia", "service:youtube", "--for", "1h")["names"]
    assert "youtube.com" in shown


def test_a_permission_can_begin_later_and_is_taken_back_or_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = ["--from", "2026-11-25T14:00", "--for", "1h"]
    assert home.json("grant", "mia", "chess.example", *later)["end"] == "2026-11-25T14:00:00Z"
    home.ok("grant", "tom", "chess.example", "--for", "1h")
    assert [each["id"] for each in home.json("grant", "list", "--profile", "tom")] == ["g2"]
    assert home.ok("grant", "end", "g1").startswith("grant g1 removed")
    clock(monkeypatch, NOON + 60)
    assert "2026-11-24 12:01" in home.ok("grant", "end", "g2")
    assert home.call("grant", "end", "g2").exit_code == 1
    assert home.json("grant", "list") == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["mia", "chess.example"], 2, "give --for 1h"),
        (["mia", "chess.example", "--for", "400d"], 2, "copdns rule add"),
        (["mia", "chess.example", "--until", "2026-11-24T11:00"], 2, "choose a later time"),
        (["mia", "chess.example", "--from", "2026-11-01", "--for", "1h"], 2, "in the past"),
        (["mia", "chess.example", "--from", "soon", "--for", "1h"], 2, "--from"),
        (["mia", "everything", "--for", "1h", "--lifts", "content"], 2, "only time can be lifted"),
        (["mia", "everything", "--for", "1h", "--lifts", "both"], 2, "only time can be lifted"),
        (["mia", "category:gmaes", "--for", "1h"], 1, "games"),
        (["mia", "service:none", "--for", "1h"], 1, "service"),
        (["mia", "com", "--for", "1h"], 2, "is not a website"),
        (["mai", "chess.example", "--for", "1h"], 1, "did you mean mia?"),
        (["end", "g7"], 1, "there is no grant"),
    ],
)
def test_a_permission_that_cannot_be_is_refused_and_says_what_to_do(
    home: Home, words: list[str], code: int, said: str
) -> None:
    refused = home.call("grant", *words)
    assert refused.exit_code == code
    assert said in " ".join(refused.stderr.split())
    assert home.json("grant", "list") == []


# --- ticket ---------------------------------------------------------------------------------------


def test_a_ticket_is_redeemed_once_however_its_code_is_typed(home: Home) -> None:
    text = home.ok("ticket", "make", "45", "--profile", "mia", "--label", "Dishes")
    code = text.split()[-1]
    redeemed = home.json("ticket", "redeem", code.replace("-", " ").lower(), "--profile", "mia")
    assert (redeemed["about"], redeemed["time"], redeemed["content"]) == (None, True, False)
    assert (redeemed["start"], redeemed["end"]) == ("2026-11-24T11:00:00Z", "2026-11-24T11:45:00Z")
    refused = home.call("ticket", "redeem", code, "--profile", "mia")
    assert refused.exit_code == 1
    assert "each code works only once" in refused.stderr
    assert "redeemed by mia on 2026-11-24 12:00" in home.ok("ticket", "list")


def test_codes_cannot_be_tried_without_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    code = home.json("ticket", "make", "45")["code"]
    for number in range(5):
        refused = home.call("ticket", "redeem", f"AAAA-AAA{number}", "--profile", "mia")
        assert "do not know this code" in refused.stderr
    refused = home.call("ticket", "redeem", code, "--profile", "mia")
    assert refused.exit_code == 1
    assert "please try again in 15 min" in refused.stderr
    clock(monkeypatch, NOON + 900)
    home.ok("ticket", "redeem", code, "--profile", "mia")


def test_a_code_is_told_once_and_its_digest_never(home: Home) -> None:
    made = home.json("ticket", "make", "1h", "--about", "category:games", "--expires", "12h")
    assert (made["minutes"], made["for"], made["about"]) == (60, "", "category:games")
    assert made["expires"] == "2026-11-24T23:00:00Z"
    told = [
        home.ok(*words)
        for words in (
            ["ticket", "list"],
            ["ticket", "list", "--json"],
            ["household", "show", "--json"],
            ["household", "history"],
            ["household", "export"],
        )
    ]
    home.ok("ticket", "redeem", made["code"], "--profile", "tom")
    told += [home.ok("household", "history"), home.ok("household", "show", "--json")]
    for secret in (made["code"], ticket_digest(made["code"])):
        assert secret not in "".join(told)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["make", "0"], 2),
        (["make", "25h"], 2),
        (["make", "45", "--expires", "0"], 2),
        (["make", "45", "--profile", "mai"], 1),
        (["make", "45", "--about", "category:gmaes"], 1),
        (["redeem", "AAAA-AAAA", "--profile", "mia"], 1),
        (["redeem", "AAAA-AAAA"], 2),
        (["remove", "t1"], 1),
    ],
)
def test_a_ticket_that_cannot_be_is_refused(home: Home, words: list[str], code: int) -> None:
    assert home.call("ticket", *words).exit_code == code
    assert home.json("ticket", "list") == []


def test_a_ticket_that_is_taken_back_or_too_old_opens_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (home.json("ticket", "make", "45")["code"] for _ in range(2))
    home.ok("ticket", "remove", "t1")
    assert home.call("ticket", "redeem", first, "--profile", "mia").exit_code == 1
    clock(monkeypatch, NOON + 7 * 86_400)
    assert "expired 2026-12-01 12:00" in home.ok("ticket", "list")
    refused = home.call("ticket", "redeem", second, "--profile", "mia")
    assert "ask for a new one" in refused.stderr


# --- the whole ------------------------------------------------------------------------------------


def test_tonights_bedtime_is_shown_moved_and_put_back(home: Home) -> None:
    assert home.ok("bedtime", "mia").strip() == "nothing turns everything off over the coming night"
    assert home.call("bedtime", "mia", "20:30").exit_code == 1
    home.ok("schedule", "add", "mia-night", "21:00-07:00", "--profile", "mia")
    assert "from 2026-11-24 21:00 until 2026-11-25 07:00" in home.ok("bedtime", "mia")
    home.ok("bedtime", "mia", "20:30")
    assert "from 2026-11-24 20:30 (usually 21:00) until" in home.ok("bedtime", "mia")
    assert home.json("bedtime", "mia") == {
        "usual": "2026-11-24T20:00:00Z",
        "start": "2026-11-24T19:30:00Z",
        "end": "2026-11-25T06:00:00Z",
    }
    assert home.json("bedtime", "mia", "--usual")["start"] == "2026-11-24T20:00:00Z"
    for words in (("12:30",), ("25:00",), ("late",)):
        assert home.call("bedtime", "mia", *words).exit_code != 0
    assert home.call("bedtime", "mia", "20:00", "--usual").exit_code == 2


def test_the_household_shows_all_of_it(home: Home) -> None:
    budget(home, "--profile", "mia")
    home.ok("schedule", "add", "bed", "21:00-07:00", "--profile", "mia")
    home.ok("pause", "mia", "--for", "1h")
    home.ok("grant", "mia", "chess.example", "--for", "1h")
    home.ok("bonus", "mia", "games", "30")
    home.ok("ticket", "make", "30")
    shown = home.json("household", "show")
    assert [shown[name][0].get("id") for name in ("schedules", "budgets", "grants")] == [
        "bed",
        "games",
        "g1",
    ]
    assert [len(shown[name]) for name in ("pauses", "bonuses", "tickets")] == [1, 1, 1]
    assert (shown["calendar"], shown["day_starts"]) == ({}, "00:00")
    assert set(shown["failures"].values()) == {"last_known"}
    person = home.json("profile", "show", "mia")
    assert (person["schedules"], person["budgets"], person["grants"]) == (
        ["bed"],
        ["games"],
        ["g1"],
    )
    assert person["pause"]["end"] == "2026-11-24T12:00:00Z"
    text = home.ok("profile", "show", "mia")
    for line in ("bed: mia: everything off", "games: mia: category:games 60", "grant g1: mia: "):
        assert f"\n  {line}" in text
