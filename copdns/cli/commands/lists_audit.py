"""`copdns lists audit` and `score`: how much lists block of a labelled table, and week by week."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import click

from copdns.appeals.list_errors import CheckedEntry
from copdns.as_json.lists import score_json
from copdns.cli.base import BAND, json_option, not_text_message
from copdns.cli.home import Home, pass_home
from copdns.cli.list_errors import HEADERS, check_list_errors, list_error_row, list_errors_json
from copdns.cli.output import print_json, print_table, printable
from copdns.cli.params import conflict_error, profile_option
from copdns.household.presets import apply
from copdns.list_files import audit_results
from copdns.list_files.audit import Audit, LabelTable, Share, audit, blocking_lists, read_table
from copdns.list_files.load import bundled_presets, measured_scores
from copdns.lists.shapes import MeasuredListShape
from copdns.model.errors import ListError
from copdns.model.household import Band, Profile, Rule, RuleAction
from copdns.policy.order import build_policy
from copdns.privacy.list_counts import week_start
from copdns.privacy.list_scores import score_lists
from copdns.time.plan import in_scope

MAX_TABLE = 64 << 20  # octets, unpacked
_GZIP = b"\x1f\x8b"
_HEADERS = ("label", "list", "domains", "blocked", "share")


@click.command("audit")
@click.argument("file", metavar="[TABLE]", type=click.Path(path_type=Path), required=False)
@profile_option("Use this person's lists and rules.")
@click.option("--band", type=BAND, help="Use the preset for this age group.")
@click.option(
    "--wanted",
    metavar="LABELS",
    default="",
    help="Labels that should be blocked, separated by commas: PORN,GMB.",
)
@click.option(
    "--keep", is_flag=True, help="Save how much each list blocks wrongly, for the dashboard."
)
@json_option
@pass_home
def audit_command(
    home: Home,
    file: Path | None,
    profile: str,
    band: str | None,
    wanted: str,
    keep: bool,
    as_json: bool,
) -> None:
    """Count how many domains of a labelled TABLE are blocked.

    A row of TABLE is a label, a tab, and a domain or URL. A first line may name the columns. The
    file may be compressed with gzip; `-` is stdin. Without --profile and --band, all category,
    security and bypass lists are used. Nothing is resolved. --keep saves numbers, but no domains.

    Confirmed false positives are checked too, with the rules of this household. Without TABLE, only
    they are checked.

    \b
    Example:  copdns lists audit labelled.tsv --band 7-9 --wanted PORN,GMB
    """
    if profile and band:
        raise conflict_error("--profile", "--band")
    errors = check_list_errors(home)
    if file is None:
        if profile or band or wanted or keep:
            raise click.UsageError("these options need a TABLE")
        if as_json:
            print_json({"list_errors": list_errors_json(errors)})
        else:
            _print_errors(errors)
        return
    rows = read_table(_read_table_text(file), str(file))
    labels = _parse_labels(wanted, rows)
    who, rules = _find_person(home, profile, band)
    shared = home.make_snapshot().contexts[home.household.id]
    policy = build_policy(who, rules, shared, home.now)
    lists = tuple(blocking_lists(who, shared))
    found = audit(rows, policy, lists, labels, home.now)
    if keep:
        audit_results.save_results(
            home.folder, found.others, frozenset(each.slug for each in lists), home.now
        )
    if as_json:
        print_json(
            _audit_json(found, rows, labels, who) | {"list_errors": list_errors_json(errors)}
        )
        return
    _print_audit(found, rows, labels, who)
    if errors:
        click.echo("")
        _print_errors(errors)


def _print_errors(errors: Sequence[CheckedEntry]) -> None:
    if not errors:
        click.echo("no false positives were confirmed here")
        return
    still = sum(each.still for each in errors)
    click.echo(f"Confirmed false positives: {len(errors)}, of which {still} still listed")
    print_table(HEADERS, [list_error_row(each) for each in errors])


def _read_table_text(file: Path) -> str:
    """Return the text of a table, unpacked; raise ListError.  `-` is stdin."""
    try:
        with click.open_file(str(file), "rb") as stream:
            octets: bytes = stream.read(MAX_TABLE + 1)
        if octets.startswith(_GZIP):
            octets = gzip.GzipFile(fileobj=BytesIO(octets)).read(MAX_TABLE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ListError(f"{file}: incomplete; download it again") from None
    except OSError as error:
        raise ListError(
            f"{file}: {error.strerror}; choose a table of labels and domains"
        ) from error
    if len(octets) > MAX_TABLE:
        raise ListError(f"{file}: larger than {MAX_TABLE >> 20} MiB; audit a part of it")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ListError(not_text_message(file)) from None


def _parse_labels(text: str, rows: LabelTable) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    missing = [label for label in labels if label not in rows.labels]
    if missing:
        there = ", ".join(sorted(rows.labels))
        raise click.BadParameter(
            f"no row has the label {', '.join(missing)}; labels in TABLE: {there}",
            param_hint="--wanted",
        )
    return labels


def _find_person(home: Home, profile: str, band: str | None) -> tuple[Profile, tuple[Rule, ...]]:
    """Return the profile whose policy is audited, and its rules."""
    if profile:
        found = home.profile(profile)
        return found, in_scope(home.household.rules, found)
    if band:
        preset = bundled_presets()[Band(band)]
        rules = (Rule(str(name), RuleAction.ALLOW, name) for name, _ in preset.allowed_names)
        return apply(preset, Profile(band, f"age {band}", Band(band))), tuple(rules)
    every = frozenset(home.catalogue.categories)
    return Profile("", "all lists", Band.TO_6, categories=every, bypass=True), ()


def _print_audit(found: Audit, rows: LabelTable, wanted: tuple[str, ...], who: Profile) -> None:
    left_out = f"; left out: {rows.skipped} without a public domain" if rows.skipped else ""
    names = len({row.name for row in rows.rows})
    click.echo(printable(f"{names} domains, {len(found.labels)} labels, by {who.name}{left_out}"))
    for title, total, labels in (
        ("Should be blocked", found.wanted, wanted),
        (
            "Should not be blocked" if wanted else "Blocked",
            found.others,
            tuple(label for label in found.labels if label not in wanted),
        ),
    ):
        if labels:
            click.echo(f"\n{title}")
            lines = [line for label in labels for line in _share_rows(label, found.labels[label])]
            print_table(_HEADERS, [*lines, *_share_rows("(all)", total)])


def _share_rows(label: str, share: Share) -> Iterator[tuple[str, ...]]:
    """Yield a row for each list that blocks something, and one for all of them."""
    for name, blocked in (*share.lists.items(), ("(in total)", share.blocked)):
        yield (label, name, str(share.names), str(blocked), f"{share.percent(blocked):.1f} %")


def _audit_json(
    found: Audit, rows: LabelTable, wanted: tuple[str, ...], who: Profile
) -> dict[str, object]:
    return {
        "by": who.name,
        "left_out": rows.skipped,
        "labels": [
            {"label": label, "wanted": label in wanted, **_share_json(share)}
            for label, share in found.labels.items()
        ],
        "should_be": _share_json(found.wanted),
        "should_not_be": _share_json(found.others),
    }


def _share_json(share: Share) -> dict[str, object]:
    return {
        "names": share.names,
        "blocked": share.blocked,
        "percent": round(share.percent(), 2),
        "lists": [
            {"list": slug, "blocked": blocked, "percent": round(share.percent(blocked), 2)}
            for slug, blocked in share.lists.items()
        ],
    }


@click.command()
@click.argument("slugs", metavar="[LIST]...", nargs=-1)
@json_option
@pass_home
def score(home: Home, slugs: tuple[str, ...], as_json: bool) -> None:
    """Show how each list did, week by week, for eight weeks.

    BLOCKED are queries, and only where three people or more had a part in them; WRONG are domains
    that you confirmed as a list's mistake; LEFT OUT are entries that the gate refused. PER 1000 is
    what is wrong or left out of 1,000 entries. A running copdns notes each week on its own. Below
    is how lists did when they were measured for copdns, by domains that people sorted by hand.

    \b
    Example:  copdns lists score ut1-games
    """
    counts = home.log.list_counts(home.household.id, 0)
    found = [
        each
        for each in score_lists(home.catalogue.statuses, counts)
        if (each.weeks and not slugs) or each.list in slugs
    ]
    measured = measured_scores()
    if as_json:
        print_json([score_json(each, measured.lists.get(each.list)) for each in found])
        return
    rows = [
        (
            each.list,
            each.label,
            f"{datetime.fromtimestamp(week_start(week.week), UTC):%Y-%m-%d}",
            *map(_number_text, (week.caught, week.wrong, week.left_out, week.entries)),
            "" if week.wrong_share is None else f"{week.wrong_share:.1f}",
        )
        for each in found
        for week in each.weeks
    ]
    if rows:
        headers = ("list", "category", "week from", "blocked", "wrong", "left out", "entries")
        print_table((*headers, "per 1000"), rows)
    else:
        click.echo("nothing is noted yet; a running copdns notes each week on its own")
    here = slugs or [each.info.slug for each in home.catalogue.statuses]
    known = [(slug, measured.lists[slug]) for slug in here if slug in measured.lists]
    if known:
        click.echo(f"\nMeasured for copdns on {measured.measured}")
        columns = ("list", "version", "of its subject", "of everything else")
        print_table(columns, [(slug, each.version, *_shares(each)) for slug, each in known])


def _shares(measured: MeasuredListShape) -> Iterator[str]:
    for each in (measured.caught, measured.others):
        yield f"{each.blocked:,} of {each.of:,}" if each else ""


def _number_text(n: int | None) -> str:
    return "" if n is None else f"{n:,}"
