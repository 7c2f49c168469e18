"""`copdns grant`: temporary access."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.times import grant_json
from copdns.cli.base import ParsedParam, json_option
from copdns.cli.changes import print_changes
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.output import local_text, print_json, print_listing, printable
from copdns.cli.params import (
    ending_options,
    note_option,
    parse_end,
    parse_moment,
    profile_argument,
    profile_option,
)
from copdns.cli.time_words import lifted_text, subject_text
from copdns.household.time_edits import end_grant, give_grant
from copdns.model.times import Grant, Subject, Topic, TopicKind, parse_subject
from copdns.time.days import DAY_SECONDS

EVERYTHING = "everything"
_MAX_SECONDS = 366 * DAY_SECONDS
_BOTH, _CONTENT, _TIME = "both", "content", "time"


def _parse_what(text: str) -> Subject | str:
    """Return a subject, or EVERYTHING."""
    return EVERYTHING if text.strip().lower() == EVERYTHING else parse_subject(text)


class GrantGroup(click.Group):
    """`grant mia chess.example` is `grant give mia chess.example`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take `grant ID` for `grant give ID`."""
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["give", *args]
        return super().parse_args(ctx, args)


@click.group(cls=GrantGroup)
def grant() -> None:
    """Allow something for a limited time.

    Temporary access ends automatically.

    \b
    Example:  copdns grant mia chess.example --for 1h
    """


@grant.command()
@profile_argument
@click.argument("what", metavar="WHAT", type=ParsedParam("subject", _parse_what))
@ending_options
@click.option("--from", "begins", metavar="TIME", help="When it starts. Default: now.")
@click.option(
    "--lifts",
    type=click.Choice([_CONTENT, _TIME, _BOTH]),
    help="What to lift: blocks by rules, lists and services (content), by pauses, schedules and "
    "daily limits (time), or both. Default: content, and for `everything` time.",
)
@note_option
@json_option
@pass_home
def give(
    home: Home,
    profile: str,
    what: Subject | str,
    lasts: int | None,
    until: str | None,
    begins: str | None,
    lifts: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Allow WHAT for a person for a limited time. `give` is optional.

    WHAT is a domain as in a rule, service:youtube, category:games, list:some-list, or `everything`,
    for which only time can be lifted. Domains that security lists or the law block stay blocked. A
    pause that begins later overrides it.

    \b
    Example:  copdns grant give mia chess.example --for 1h
              copdns grant mia service:youtube --until 20:00 --lifts both
              copdns grant mia everything --for 30m --note "Half an hour more."
    """
    about = None if isinstance(what, str) else what
    lifted = lifts or (_TIME if about is None else _CONTENT)
    if about is None and lifted != _TIME:
        raise click.UsageError(
            "for `everything` only time can be lifted; name what to allow, such as chess.example "
            "or service:youtube"
        )
    zone = home.local(profile).timezone
    start, end = _parse_span(home, zone, lasts, until, begins)
    names = _service_names(home, about)
    edit = partial(
        give_grant,
        grant=Grant(
            about,
            start=start,
            end=end,
            given=home.now,
            content=lifted != _TIME,
            time=lifted != _CONTENT,
            author=AUTHOR,
            note=note,
            profile=profile,
        ),
        known=home.known_ids,
    )
    if names and not as_json:
        click.echo(printable(f"{about} includes {', '.join(names)}"))
    before, after = home.apply_change(
        f"{profile} may have {subject_text(about)} until {local_text(end, zone)} ({lifted})",
        edit,
    )
    if as_json:
        print_json({**grant_json(after.grants[-1]), "names": names})
    else:
        print_changes(before, after)


def _parse_span(
    home: Home, zone: str, lasts: int | None, until: str | None, begins: str | None
) -> tuple[int, int]:
    start = home.now if begins is None else int(parse_moment(begins, zone, home.now, "--from"))
    end = parse_end(lasts, until, zone, start, home.now)
    if end is None:
        raise click.UsageError("temporary access needs an end; give --for 1h or --until 20:00")
    if end <= home.now:
        raise click.UsageError("that is in the past; choose a later time")
    if end - start > _MAX_SECONDS:
        raise click.UsageError(
            "temporary access lasts at most 366 days; for longer, use `copdns rule add`"
        )
    return start, int(end)


def _service_names(home: Home, about: Subject | None) -> list[str]:
    """Return the names that a grant for a service allows; [] for other subjects."""
    if not isinstance(about, Topic) or about.kind is not TopicKind.SERVICE:
        return []
    own = {each.slug: each.names for each in home.household.services}
    every = {slug: each.matchers for slug, each in home.catalogue.services.items()} | own
    return [str(each) for each in every.get(about.slug, ())]


@grant.command("list")
@profile_option("Only temporary access of one person.")
@click.option("--all", "everything", is_flag=True, help="Also what has ended.")
@json_option
@pass_home
def list_(home: Home, profile: str, everything: bool, as_json: bool) -> None:
    """List temporary access, current and planned.

    \b
    Example:  copdns grant list --profile mia
    """
    if profile:
        home.profile(profile)
    found = [
        each
        for each in home.household.grants
        if profile in ("", each.profile) and (everything or each.end > home.now)
    ]
    zone = home.household.timezone
    print_listing(
        found,
        as_json,
        grant_json,
        ("grant", "profile", "about", "lifts", "from", "until", "by", "note"),
        lambda each: (
            each.id,
            each.profile,
            subject_text(each.about),
            lifted_text(each),
            local_text(each.start, zone),
            local_text(each.end, zone),
            str(each.origin),
            each.note,
        ),
    )


@grant.command()
@click.argument("grant", metavar="ID")
@pass_home
def end(home: Home, grant: str) -> None:
    """End temporary access now.

    See `copdns grant list` for IDs. Access that has not started yet is cancelled.

    \b
    Example:  copdns grant end g3
    """
    home.change(f"temporary access {grant} ended", partial(end_grant, grant_id=grant, now=home.now))
