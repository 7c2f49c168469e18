"""`copdns appeal`: children's requests, and the answers."""

from __future__ import annotations

from typing import NoReturn

import click

from copdns.appeals.age import changes_with
from copdns.appeals.appeal import (
    Appeal,
    AppealKind,
    AppealState,
    Decider,
    WantedLength,
    reasons_for,
)
from copdns.appeals.first_end import FirstEnd, first_end_of
from copdns.appeals.opening import ApprovalTerms, Decision, Opening, opening
from copdns.appeals.other_closures import is_taken_back
from copdns.appeals.review import DecisionReason
from copdns.appeals.source import list_report
from copdns.as_json.appeals import about_text, appeal_json, first_end_json, opening_json
from copdns.cli.base import BAND, ParsedParam, json_option
from copdns.cli.home import AUTHOR, Home, pass_home
from copdns.cli.list_errors import HEADERS, check_list_errors, list_error_row, list_errors_json
from copdns.cli.output import (
    count_text,
    local_text,
    print_json,
    print_listing,
    print_pairs,
    print_table,
    printable,
)
from copdns.cli.params import MINUTES, parse_positive_duration, profile_option
from copdns.cli.people_records import follow_band
from copdns.household.differences import Difference
from copdns.list_files.load import bundled_presets
from copdns.model.errors import AppealError
from copdns.model.household import Band
from copdns.model.matchers import Matcher
from copdns.model.scripts import shown_name
from copdns.model.sentences import literal
from copdns.model.verdict import Reason
from copdns.policy.today import build_today
from copdns.store.household_db.appeals import AppealStore

# Anyone who can run this on the machine can do everything there.
DECIDER = Decider("owner", AUTHOR)
_WAITING = (AppealState.OPEN, AppealState.SEEN, AppealState.ESCALATED, AppealState.TALK)
_REASONS = click.Choice([str(each) for each in DecisionReason])


def _parse_length(text: str) -> int | WantedLength:
    """Return seconds, or TODAY or ALWAYS; raise ValueError."""
    word = text.strip().lower()
    return (
        WantedLength(word)
        if word in (WantedLength.TODAY, WantedLength.ALWAYS)
        else parse_positive_duration(text) * 60
    )


@click.group()
def appeal() -> None:
    """List and answer children's requests."""


@appeal.command("list")
@profile_option("Only one person's requests.")
@click.option(
    "--all", "everything", is_flag=True, help="Also requests that were answered or cancelled."
)
@json_option
@pass_home
def list_(home: Home, profile: str, everything: bool, as_json: bool) -> None:
    """List requests that wait for an answer, newest first.

    \b
    Example:  copdns appeal list
    """
    if profile:
        home.profile(profile)
    found = _load_appeals(home, profile, () if everything else _WAITING)
    print_listing(
        found,
        as_json,
        appeal_json,
        ("request", "profile", "about", "why", "for", "state", "asked", "message"),
        lambda each: (
            each.id,
            each.ask.profile,
            about_text(each.ask),
            str(each.ask.why),
            str(each.ask.wanted),
            str(each.state),
            local_text(each.asked, home.household.timezone),
            each.ask.words,
        ),
    )


@appeal.command()
@click.argument("appeal", metavar="ID")
@json_option
@pass_home
def show(home: Home, appeal: str, as_json: bool) -> None:
    """Show a request: what blocked it, what a yes would allow, and its answers.

    The child can see that you looked at it.

    \b
    Example:  copdns appeal show k7qf2m9d
    """
    found = _view_appeal(home, appeal)
    allows, why_not = _find_opening(home, found)
    taken_back = is_taken_back(found, home.household, home.now)
    ends = None if allows is None or taken_back else _find_first_end(home, found)
    if as_json:
        print_json(
            {
                **appeal_json(found),
                "opens": opening_json(allows, _find_settings(home, found)),
                "ends_first": first_end_json(ends),
                "why_not": why_not,
                "taken_back": taken_back,
            }
        )
    else:
        print_pairs(_detail_rows(home, found, _opening_text(allows) if allows else why_not, ends))


def _find_first_end(home: Home, found: Appeal) -> FirstEnd | None:
    """Return what ends the yes that a request got, or would end the one that it waits for."""
    household, profile = home.household, home.household.profile(found.ask.profile)
    if profile is None:
        return None
    policy = home.make_snapshot().policy(household.id, profile.id)
    today = build_today(household, profile, policy, home.policy_inputs(home.now), home.now)
    return first_end_of(policy, household, found, today.minutes, home.now)


def _find_opening(home: Home, found: Appeal) -> tuple[Opening | None, str]:
    """Return what a yes would allow, or None and why it would allow nothing."""
    try:
        return opening(found.ask, home.household, _matchers_by_service(home)), ""
    except AppealError as error:
        return None, str(error)


def _find_settings(home: Home, found: Appeal) -> tuple[Difference, ...]:
    """Return what another age group changes; () for other requests."""
    profile, band = home.household.profile(found.ask.profile), found.ask.wanted_band
    return changes_with(profile, band, bundled_presets()) if profile and band else ()


def _detail_rows(
    home: Home, found: Appeal, allows: str, ends: FirstEnd | None
) -> list[tuple[str, str]]:
    ask, zone = found.ask, home.household.timezone
    to, taken_back = ask.to, is_taken_back(found, home.household, home.now)
    return [
        ("request", found.id),
        ("from", f"{ask.profile}, {local_text(found.asked, zone)}"),
        ("about", about_text(ask)),
        (
            "blocked by",
            ""
            if ask.kind is AppealKind.AGE
            else " ".join(filter(None, (to.reason, to.category, to.service, to.period))),
        ),
        ("list", f"{to.list} ({to.list_version})" if to.list else ""),
        ("entry", to.rule),
        ("by way of", to.via),
        ("browser", "" if ask.paired else f"not paired with {ask.profile}: maybe someone else"),
        ("why", f"{ask.why}: {ask.words}" if ask.words else str(ask.why)),
        ("second message", found.more_words),
        ("for", str(ask.wanted)),
        ("state", f"{found.state}, taken back since" if taken_back else str(found.state)),
        ("a yes allows", allows),
        *(("changes", str(each)) for each in _find_settings(home, found)),
        *([("ends first", _first_end_text(ends, zone))] if ends is not None else []),
        *(("answer", _answer_text(each.state, each.reason, each.text)) for each in found.answers),
    ]


def _opening_text(found: Opening) -> str:
    if found.minutes:
        return f"{count_text(found.minutes, 'minute')} credited"
    if found.band is not None:
        return f"age group {found.band}, with its usual settings"
    against = "time rules" if found.time else "lists and rules"
    names = ", ".join(map(shown_name, found.names)) or ", ".join(
        "everything" if each is None else str(each) for each in found.about
    )
    return f"{names} (lifts {against})"


def _first_end_text(ends: FirstEnd, zone: str) -> str:
    """Return what ends a yes first, in a few words."""
    if ends.at is None:
        return f"daily limit {ends.id}, after about {count_text(ends.minutes, 'minute')} of use"
    when = local_text(ends.at, zone)
    match ends.reason:
        case Reason.SCHEDULE:
            return f"schedule {ends.id}, {when}"
        case Reason.PAUSED:
            return f"a pause, {when}"
        case _:
            return f"nothing before {when}"


def _answer_text(state: AppealState, reason: DecisionReason, text: str) -> str:
    return f"{state}, {reason}{': ' if text else ''}{text}"


@appeal.command()
@click.argument("appeal", metavar="ID")
@click.option(
    "--yes", "answer", flag_value=str(AppealState.GRANTED), help="Allow what was asked for."
)
@click.option("--no", "answer", flag_value=str(AppealState.REFUSED), help="Keep it blocked.")
@click.option("--talk", "answer", flag_value=str(AppealState.TALK), help="Suggest a talk first.")
@click.option("--reason", type=_REASONS, help="The reason; every answer needs one.")
@click.option("--text", metavar="TEXT", default="", help="A message; the child can read it.")
@click.option(
    "--for",
    "lasts",
    metavar="TIME",
    type=ParsedParam("length of time", _parse_length),
    help="With --yes: 30m, 2h, `today` or `always`. Default: as long as was asked for.",
)
@click.option("--everyone", is_flag=True, help="With --for always: for the whole household.")
@click.option(
    "--narrow", is_flag=True, help="Only this domain, without the others its service needs."
)
@click.option("--besides", is_flag=True, help="Also lift other blocks on this domain, for as long.")
@click.option(
    "--minutes",
    metavar="MINUTES",
    type=MINUTES,
    help="For a request about counted minutes: how many to credit.",
)
@click.option(
    "--band", type=BAND, help="For a request about the age group: another one than was asked for."
)
@click.option(
    "--only-age", is_flag=True, help="Change the age group alone, without its usual settings."
)
@json_option
@pass_home
def decide(
    home: Home,
    appeal: str,
    answer: str | None,
    reason: str | None,
    text: str,
    lasts: int | WantedLength | None,
    everyone: bool,
    narrow: bool,
    besides: bool,
    minutes: int | None,
    band: str | None,
    only_age: bool,
    as_json: bool,
) -> None:
    """Answer a request, with a reason.

    What you allow works within a second. docs/review-policy.md lists the reasons and when to use
    which.

    \b
    Example:  copdns appeal decide k7qf2m9d --yes --reason fair_enough --for 1h
              copdns appeal decide k7qf2m9d --no --reason agreed_time --text "After homework."
    """
    if answer is None:
        raise click.UsageError("give --yes, --no or --talk")
    state = AppealState(answer)
    if reason is None:
        fits = reasons_for(_load_appeal(home, appeal).ask, state)
        fitting = ", ".join(each for each in DecisionReason if each in fits)
        raise click.UsageError(f"an answer needs a reason; give --reason with one of: {fitting}")
    yes = ApprovalTerms(
        lasts, everyone, narrow, minutes, besides, Band(band) if band else None, only_age
    )
    if state is not AppealState.GRANTED and yes != ApprovalTerms():
        raise click.UsageError(
            "--for, --everyone, --narrow, --besides, --minutes, --band and --only-age need --yes"
        )
    before = home.household.profile(_load_appeal(home, appeal).ask.profile)
    decision = Decision(state, DecisionReason(reason), text, yes)
    ids, services, home_id = home.known_ids, _matchers_by_service(home), home.household.id
    found = home.with_store(
        lambda store: AppealStore(store).decide(
            home_id, appeal, decision, DECIDER, ids, services, home.now
        )
    )
    wanted = yes.band or found.ask.wanted_band
    if found.ask.kind is AppealKind.AGE and state is AppealState.GRANTED and before and wanted:
        follow_band(home, before, wanted, rules=not only_age)
    if as_json:
        print_json(appeal_json(found))
    else:
        click.echo(printable(_decision_text(home, found)))
        home.forget_household()  # the yes is in force now
        ends = _find_first_end(home, found)
        if ends is not None and ends.reason is not Reason.GRANTED:
            click.echo(printable(f"ends first: {_first_end_text(ends, home.household.timezone)}"))


def _decision_text(home: Home, found: Appeal) -> str:
    answer = found.answer
    assert answer is not None
    until = f" until {local_text(answer.until, home.household.timezone)}" if answer.until else ""
    changes = f" ({', '.join(answer.made)})" if answer.made else ""
    return f"request {found.id} from {found.ask.profile}: {answer.state}{until}{changes}"


@appeal.command()
@click.argument("appeal", metavar="ID")
@json_option
@pass_home
def report(home: Home, appeal: str, as_json: bool) -> None:
    """Print a report for the maintainer of a list with a false positive.

    It contains nothing about the child, and nothing is sent.

    \b
    Example:  copdns appeal report k7qf2m9d
    """
    ask = _load_appeal(home, appeal).ask
    if not (ask.name and ask.to.list):
        raise AppealError("no list blocked this, so there is nobody to report it to")
    infos = home.catalogue.index.infos
    info = next((each for each in infos if each.slug == ask.to.list), None)
    text = list_report(ask.name, ask.to, info)
    if as_json:
        where = info.report if info is not None else ""
        print_json({"list": ask.to.list, "report": where, "text": text})
    else:
        click.echo("\n".join(map(printable, text.splitlines())))


@appeal.command()
@json_option
@pass_home
def errors(home: Home, as_json: bool) -> None:
    """List confirmed false positives of lists, and their state.

    The state is whether the list still contains the domain, and whether that blocks it for someone
    here: no rule allows it, or temporary access has ended. Who asked is not shown.

    \b
    Example:  copdns appeal errors
    """
    found = check_list_errors(home)
    if as_json:
        print_json(list_errors_json(found))
        return
    print_table(HEADERS, [list_error_row(each) for each in found])


def _load_appeals(home: Home, profile: str, states: tuple[AppealState, ...]) -> tuple[Appeal, ...]:
    if not home.has_database:
        return ()
    household = home.household.id
    return home.with_store(
        lambda store: AppealStore(store).appeals(household, profile=profile, states=states)
    )


def _load_appeal(home: Home, appeal: str) -> Appeal:
    if not home.has_database:
        _raise_missing(appeal)
    household = home.household.id
    found = home.with_store(lambda store: AppealStore(store).appeal(household, appeal))
    return found if found is not None else _raise_missing(appeal)


def _view_appeal(home: Home, appeal: str) -> Appeal:
    """Return an appeal, and store that a guardian has seen it, which the child is shown."""
    _load_appeal(home, appeal)
    household = home.household.id
    return home.with_store(lambda store: AppealStore(store).mark_seen(household, appeal, home.now))


def _raise_missing(appeal: str) -> NoReturn:
    raise AppealError(literal(f"there is no request {appeal!r}; see `copdns appeal list --all`"))


def _matchers_by_service(home: Home) -> dict[str, tuple[Matcher, ...]]:
    return {slug: each.matchers for slug, each in home.catalogue.services.items()}
