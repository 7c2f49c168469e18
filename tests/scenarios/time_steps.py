"""Steps of scenarios about time: pauses, permissions, tickets, minutes of use, and clocks."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pytest
from pydantic import Field

from copdns.accounts.codes import ticket_digest
from copdns.household import time_edits as times
from copdns.list_files.load import known_ids
from copdns.model.errors import HouseholdError
from copdns.model.times import Extra, Grant, parse_subject
from copdns.policy.today import build_today
from copdns.time.days import zone_of
from copdns.time.preview import ClosedSpan, build_week, week_span
from tests.home import Home
from tests.scenarios import fits
from tests.scenarios.story import ScenarioShape, Step, duration, lists_of, moment
from tests.walking import walked


class Ending(Step):
    """Something that begins now and ends by itself: after so long, or at a moment."""

    lasts: str | None = Field(None, alias="for")
    until: str | None = None

    def end(self, home: Home, story: ScenarioShape) -> int | None:
        if self.lasts is not None:
            return int(home.clock.wall) + duration(self.lasts)
        return None if self.until is None else int(moment(self.until, story.day))


class GrantNow(Ending):
    """{grant: mia chess.example, for: 2h, lifts: [content, time]}; it may be about `everything`."""

    grant: str
    lifts: tuple[Literal["content", "time"], ...] = ("content",)

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, what = self.grant.split()
        end = self.end(home, story)
        assert end is not None, "a permission ends"
        home.change(
            times.give_grant(
                home.house,
                Grant(
                    None if what == "everything" else parse_subject(what),
                    start=home.clock.wall,
                    end=end,
                    given=home.clock.wall,
                    content="content" in self.lifts,
                    time="time" in self.lifts,
                    profile=who,
                ),
                known_ids(lists_of(story)),
            )
        )


class PauseNow(Ending):
    """{pause: mia, for: 1h}, {pause: mia, homework: true}: everything stops, from now on."""

    pause: str
    homework: bool = False

    def play(self, home: Home, story: ScenarioShape) -> None:
        now, end = int(home.clock.wall), self.end(home, story)
        home.change(times.pause(home.house, self.pause, now, end, homework=self.homework))


class Unpause(Step):
    """{unpause: mia}"""

    unpause: str

    def play(self, home: Home, story: ScenarioShape) -> None:
        home.change(times.unpause(home.house, self.unpause, home.clock.wall))


class MoveBedtime(Step):
    """{bedtime: mia, begins: "21:30"}: tonight's begins then, this night only."""

    bedtime: str
    begins: str

    def play(self, home: Home, story: ScenarioShape) -> None:
        at, now = int(moment(self.begins, story.day)), int(home.clock.wall)
        home.change(times.move_bedtime(home.house, self.bedtime, at, now=now))


class MoreMinutes(Step):
    """{bonus: mia 30m of screen}, {credit: mia 10m of screen}: for the day that runs.

    credit: minutes that were counted, though nobody used them.
    """

    bonus: str = ""
    credit: str = ""

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, minutes, _, budget = (self.bonus or self.credit).split()
        home.change(
            times.add_bonus(
                home.house,
                who,
                budget,
                home.counting.day(home.clock.wall).day,
                duration(minutes) // 60,
                kind=Extra.BONUS if self.bonus else Extra.CREDIT,
            )
        )


class MakeTicket(Ending):
    """{ticket: 7K3M-PQ9T, worth: 30m, for: 7d}: somebody makes it; for: how long it is good.

    to: whose it is; whoever has it.  about: what it opens; everything.
    """

    ticket: str
    worth: str
    to: str = ""
    about: str = ""

    def play(self, home: Home, story: ScenarioShape) -> None:
        end = self.end(home, story)
        assert end is not None, "a ticket is good for a while"
        home.change(
            times.add_ticket(
                home.house,
                ticket_digest(self.ticket),
                known_ids(lists_of(story)),
                minutes=duration(self.worth) // 60,
                made=int(home.clock.wall),
                expires=end,
                profile_id=self.to,
                about=parse_subject(self.about) if self.about else None,
            )
        )


class Redeem(Step):
    """{redeem: 7k3m pq9t, by: mia, refused: used before}: a child types a code."""

    redeem: str
    by: str
    refused: str = ""

    def play(self, home: Home, story: ScenarioShape) -> None:
        digest, now = ticket_digest(self.redeem), int(home.clock.wall)
        if self.refused:
            with pytest.raises(HouseholdError, match=self.refused):
                times.redeem(home.house, digest, self.by, now)
        else:
            home.change(times.redeem(home.house, digest, self.by, now))


class Use(Step):
    """{use: mia tube.example, for: 30m}: names below it are asked for, every minute.

    on: devices; the telephone.  blocked_after: so long after the first look-up is one blocked;
    none is where that is left out.
    """

    use: str
    lasts: str = Field(alias="for")
    on: tuple[str, ...] = ()
    blocked_after: str | None = None

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, name = self.use.split()
        blocked = None
        for second in range(0, duration(self.lasts), 60):
            for device in self.on or (f"{who}-phone",):
                if not _looked_up(home, device, name) and blocked is None:
                    blocked = second
            home.wait(60)
        assert blocked == (duration(self.blocked_after) if self.blocked_after else None), blocked


def _looked_up(home: Home, device: str, name: str) -> bool:
    """Ask as many names as an app does; tell whether none was blocked."""
    (address,) = [each.addresses[0] for each in home.house.devices if each.id == device]
    replies = [home.ask(address, f"{each}.{name}") for each in ("a", "b", "c", "d", "e")]
    for reply in replies:
        fits.check(home, reply)
    return not any(reply.verdict.blocks for reply in replies)


class Remaining(Step):
    """{left: {mia: {games: 15m}}}: minutes of budgets; `0m` is one that is used up."""

    left: dict[str, dict[str, str]]

    def play(self, home: Home, story: ScenarioShape) -> None:
        for who, budgets in self.left.items():
            profile, now = home.house.profile(who), home.clock.wall
            assert profile is not None
            policy = home.resolver.snapshot.policy(home.house.id, who)
            found = build_today(home.house, profile, policy, home.readings, now).minutes
            there = {each.budget.id: f"{each.left}m" for each in found}
            assert there == budgets, there
            assert policy.time_rules is not None
            lasting = {each.id for each in policy.time_rules.plan.remaining}
            assert lasting == {each.budget.id for each in found if each.left}


class Restart(Step):
    """{restart: stop}, {restart: power cut}: begin anew with what is stored.

    shows: what the machine's clock does afterwards, where it has no battery; it goes on.
    """

    restart: Literal["stop", "power cut"]
    shows: str | None = None

    def play(self, home: Home, story: ScenarioShape) -> None:
        shows = None if self.shows is None else moment(self.shows, story.day)
        home.restart(power_cut=self.restart == "power cut", shows=shows)


class SetClock(Step):
    """{clock: +1h}, {clock: -30m}, {clock: to 18:00}: somebody sets the wall clock."""

    clock: str

    def play(self, home: Home, story: ScenarioShape) -> None:
        sign, rest = self.clock[0], self.clock[1:]
        if sign in "+-":
            home.set_clock(home.clock.wall + int(f"{sign}{duration(rest)}"))
        else:
            home.set_clock(moment(self.clock.removeprefix("to "), story.day))


class WeekOf(Step):
    """{week: mia a.example, first: 2026-03-23, shows: [...]}: when a name is closed, a line a day.

    shows: of the days that matter, as the preview of a week shows them.
    """

    week: str
    first: date
    shows: list[str]

    def play(self, home: Home, story: ScenarioShape) -> None:
        who, name = self.week.split()
        zone = zone_of(home.house.timezone)
        start, end = week_span(zone, self.first)
        policy = home.policy_at(who, start)
        closed = [
            ClosedSpan(verdict.period or str(verdict.reason), low, high)
            for low, high, verdict in walked(policy, name, start, end)
            if verdict.blocks
        ]
        lines = str(build_week(closed, zone, self.first)).splitlines()
        dates = [line.split()[1] for line in self.shows]
        assert [line for line in lines if line.split()[1] in dates] == self.shows, lines
