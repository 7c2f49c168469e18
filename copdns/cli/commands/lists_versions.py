"""`copdns lists diff`, `accept`, `refuse`, `rollback` and `log-only`: what of a list is used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import click

from copdns.as_json.versions import earlier_json, held_version_json
from copdns.cli.base import ID, json_option
from copdns.cli.commands.lists_update import lock_copies
from copdns.cli.home import Home, pass_home
from copdns.cli.list_downloads import duration_text
from copdns.cli.output import count_text, local_text, print_json, print_table, printable
from copdns.list_files.log_only_lists import require_countable, trial_line
from copdns.list_files.versions import Versions
from copdns.lists.download import CopyState
from copdns.lists.log_only_book import MAX_DAYS, OFFERED_DAYS
from copdns.lists.version_book import HeldVersion, VersionChoice, choice_line, version_id
from copdns.lists.versions import HoldReason, NeededKind, VersionDiff
from copdns.model.errors import HouseholdError
from copdns.model.scripts import shown_name
from copdns.model.sentences import literal
from copdns.model.violations import no_such

_REASONS = {
    HoldReason.GROWTH: "it has many more domains",
    HoldReason.LOSS: "it has lost many domains",
    HoldReason.NEEDED: "it newly blocks several sites that are needed",
    HoldReason.BROKEN: "too many of its lines are broken",
    HoldReason.BULK: "the file is several times as large",
    HoldReason.ROLLED_BACK: "somebody went back to an earlier version",
}
_KINDS = {
    NeededKind.INFRASTRUCTURE: "many sites need {name}",
    NeededKind.MISTAKE: "{name} does not belong on such a list",
    NeededKind.VOUCHED: "{name} is allowed here",
    NeededKind.LOOKALIKE: "looks like {name}",
    NeededKind.PROTECTED: "protected",
}


def _check_used(home: Home, slug: str) -> None:
    """Raise HouseholdError for a list that is not downloaded."""
    used = {each.slug: each for each in home.chosen_lists.sources}
    if slug not in used:
        unknown = no_such("list", slug, used)
        raise HouseholdError(literal(f"{unknown}; only downloaded lists have versions"))


@click.command("diff")
@click.argument("slug", metavar="LIST", type=ID)
@json_option
@pass_home
def diff_command(home: Home, slug: str, as_json: bool) -> None:
    """Show how a held version of LIST differs from the one in use.

    A new version that differs a lot is held until you accept or refuse it, or the maintainer
    publishes one that differs less. The version in use stays in use. At most 50 domains of each
    kind are shown; protected domains are only counted. Without a held version, the earlier versions
    are listed.

    \b
    Example:  copdns lists diff ut1-games
    """
    _check_used(home, slug)
    versions = Versions(home.lists.copies)
    held, earlier = versions.book(slug).held, versions.earlier(slug)
    if as_json:
        print_json(
            {
                "list": slug,
                "held": held_version_json(slug, held) if held else None,
                "earlier": earlier_json(earlier),
            }
        )
        return
    if held is None:
        click.echo(f"no version of {slug} is held")
    else:
        for line in _held_lines(slug, held, home.now):
            click.echo(printable(line))
    if earlier:
        click.echo(f"\nearlier versions (copdns lists rollback {slug}):")
        print_table(
            ("version", "age", "domains"),
            [
                (version_id(each), _age_text(home.now, each.fetched_at), f"{each.names:,}")
                for each in earlier
            ],
        )


def _age_text(now: float, at: float | None) -> str:
    return "" if at is None else duration_text(max(0.0, now - at))


def _held_lines(slug: str, held: HeldVersion, now: float) -> Iterator[str]:
    diff = held.diff
    yield f"{slug}: version {held.version} has been held for {_age_text(now, held.held_at)}"
    for reason in held.reasons:
        yield f"  {_REASONS[reason]}"
    yield from _number_lines(diff)
    for entry, kind, name in diff.needed:
        yield f"! {shown_name(entry)} ({_KINDS[kind].format(name=name)})"
    hidden = diff.needed_count - len(diff.needed)
    if hidden > 0:
        yield f"! {count_text(hidden, 'more needed domain')}"
    for sign, count, names in (
        ("+", diff.added, diff.added_names),
        ("-", diff.removed, diff.removed_names),
    ):
        yield from (f"{sign} {shown_name(name)}" for name in names)
        if count > len(names):
            yield f"{sign} {count_text(count - len(names), 'more domain')}"
    yield f"to use it: copdns lists accept {slug}; if it is wrong: copdns lists refuse {slug}"


def _number_lines(diff: VersionDiff) -> Iterator[str]:
    yield f"  {diff.names:,} domains instead of {diff.names_before:,}"
    if diff.broken:
        yield f"  {diff.broken:,} of {diff.lines:,} lines are broken"
    if diff.needed_count:
        left_out = "left out of the list even if you accept it"
        yield f"  {count_text(diff.needed_count, 'needed domain')} newly blocked ({left_out})"


@click.command()
@click.argument("slug", metavar="LIST", type=ID)
@click.option("--version", default="", help="Only if this version is the one that is held.")
@pass_home
def accept(home: Home, slug: str, version: str) -> None:
    """Use the held version of LIST.

    A running copdns uses it within seconds. Look at it first, with `copdns lists diff`.

    \b
    Example:  copdns lists accept ut1-games
    """
    state = _decide(home, slug, VersionChoice.ACCEPT, lambda held: held.accept(slug, version))
    click.echo(f"{slug}: version {version_id(state)} is used now, with {state.names:,} domains")


@click.command()
@click.argument("slug", metavar="LIST", type=ID)
@click.option("--version", default="", help="Only if this version is the one that is held.")
@pass_home
def refuse(home: Home, slug: str, version: str) -> None:
    """Do not use the held version of LIST.

    The version in use stays. The same file is not held again; a newer one is looked at as usual.

    \b
    Example:  copdns lists refuse ut1-games
    """
    state = _decide(home, slug, VersionChoice.REFUSE, lambda held: held.refuse(slug, version))
    click.echo(f"{slug}: version {version_id(state)} stays in use")


@click.command()
@click.argument("slug", metavar="LIST", type=ID)
@click.option("--to", "version", default="", help="This version; `lists diff` shows them.")
@pass_home
def rollback(home: Home, slug: str, version: str) -> None:
    """Go back to an earlier version of LIST.

    Without --to it is the version before the one in use. The last three are kept. Afterwards every
    newer version is held until you accept one, so that the same mistake does not come back.

    \b
    Example:  copdns lists rollback ut1-games
    """
    now = time.time()
    state = _decide(
        home, slug, VersionChoice.ROLL_BACK, lambda held: held.roll_back(slug, now, version)
    )
    click.echo(f"{slug}: version {version_id(state)} is used now, with {state.names:,} domains")


def _decide(
    home: Home, slug: str, choice: VersionChoice, decide: Callable[[Versions], CopyState]
) -> CopyState:
    """Decide about a version of a list that is used; note it, and return what is in force."""
    _check_used(home, slug)
    with lock_copies(home.lists.copies):
        state = decide(Versions(home.lists.copies))
    home.note(choice_line(slug, choice, state))
    return state


@click.command("log-only")
@click.argument("slug", metavar="LIST", type=ID)
@click.option(
    "--days",
    type=click.IntRange(0, MAX_DAYS),
    default=OFFERED_DAYS,
    show_default=True,
    help="For how many days from now; 0: it blocks now.",
)
@pass_home
def log_only(home: Home, slug: str, days: int) -> None:
    """Let LIST only count what it would block, for some days.

    Until then it blocks nothing. `copdns lists status` shows how many queries it would have
    blocked, once three people or more had a part in that. Afterwards it blocks without anybody
    doing anything; `--days 0` lets it block now. Lists of malware and phishing always block. A
    running copdns follows within seconds.

    \b
    Example:  copdns lists log-only ut1-games --days 3
    """
    infos = {each.info.slug: each.info for each in home.catalogue.statuses}
    require_countable(infos.get(slug), slug)
    with lock_copies(home.lists.copies):
        home.lists.log_only.set_days(slug, days, home.now)
    home.note(trial_line(slug, days))
    until = home.lists.log_only.until(slug, home.now)
    if until is None:
        click.echo(f"{slug}: blocks now")
    else:
        click.echo(f"{slug}: only counts until {local_text(until, home.household.timezone)}")
