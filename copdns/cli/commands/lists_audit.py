"""`copdns lists audit`: how much of labelled names is blocked, and by which lists."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import click

from copdns.appeals.list_errors import CheckedEntry
from copdns.cli.base import BAND, json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.list_errors import HEADERS, checked_errors, mistaken_json, mistaken_row
from copdns.cli.output import print_json, safe, table
from copdns.cli.params import profile_option
from copdns.household.presets import apply
from copdns.list_files import audit_results
from copdns.list_files.audit import Audit, Share, Table, audit, lists_of, read_table
from copdns.list_files.load import bundled_presets
from copdns.model.errors import ListError
from copdns.model.household import Band, Profile, Rule, RuleAction
from copdns.policy.order import build_policy, rules_in_scope

MAX_TABLE = 64 << 20  # octets, unpacked
_GZIP = b"\x1f\x8b"
_HEADERS = ("label", "list", "names", "blocked", "share")


@click.command("audit")
@click.argument("file", metavar="[TABLE]", type=click.Path(path_type=Path), required=False)
@profile_option("By the lists and rules of a person, by the profile's id.")
@click.option("--band", type=BAND, help="By what an age band starts with.")
@click.option(
    "--wanted",
    metavar="LABELS",
    default="",
    help="Labels that should be blocked, with commas between: PORN,GMB.",
)
@click.option(
    "--keep", is_flag=True, help="Keep how much each list blocks wrongly, for the desk to show."
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
    """Count what is blocked of a TABLE of labelled names.

    A row of the TABLE is a label, a tab, and a name or URL; a first line may name the columns, and
    the file may be packed with gzip; `-` is what is piped in.  Without --profile and --band, all
    lists about categories, security and ways round the filter are asked.  Nothing is resolved; with
    --keep the numbers are kept, and no name.

    Names that were decided here to be a list's error are asked as well, as they stand for this
    household; without a TABLE only they are.

    \b
    Example:  copdns lists audit labelled.tsv --band 7-9 --wanted PORN,GMB
    """
    if profile and band:
        raise click.UsageError("--profile and --band exclude each other; give one")
    errors = checked_errors(home)
    if file is None:
        if profile or band or wanted or keep:
            raise click.UsageError("these options are about a TABLE; name one")
        if as_json:
            print_json({"list_errors": mistaken_json(errors)})
        else:
            _print_errors(errors)
        return
    rows = read_table(_text(file), str(file))
    labels = _wanted(wanted, rows)
    who, rules = _person(home, profile, band)
    shared = home.live().contexts[home.household.id]
    policy = build_policy(who, rules, shared, home.now)
    lists = tuple(lists_of(who, shared))
    found = audit(rows, policy, lists, labels, home.now)
    if keep:
        audit_results.save_results(
            home.folder, found.others, frozenset(each.slug for each in lists), home.now
        )
    if as_json:
        print_json(_json(found, rows, labels, who) | {"list_errors": mistaken_json(errors)})
        return
    _print(found, rows, labels, who)
    if errors:
        click.echo("")
        _print_errors(errors)


def _print_errors(errors: Sequence[CheckedEntry]) -> None:
    if not errors:
        click.echo("no name was decided here to be a list's error")
        return
    still = sum(each.still for each in errors)
    click.echo(f"Decided here to be a list's error: {len(errors)}, of which lists name {still} now")
    table(HEADERS, [mistaken_row(each) for each in errors])


def _text(file: Path) -> str:
    """Return the text of a table, unpacked; raise ListError.  A file `-` is what is piped in."""
    try:
        with click.open_file(str(file), "rb") as stream:
            octets: bytes = stream.read(MAX_TABLE + 1)
        if octets.startswith(_GZIP):
            octets = gzip.GzipFile(fileobj=BytesIO(octets)).read(MAX_TABLE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise ListError(f"{file}: is not whole; fetch it again") from None
    except OSError as error:
        raise ListError(f"{file}: {error.strerror}; name a table of labels and names") from error
    if len(octets) > MAX_TABLE:
        raise ListError(f"{file}: holds more than {MAX_TABLE >> 20} MiB; audit a part of it")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise ListError(f"{file}: is no text; save it as UTF-8") from None


def _wanted(text: str, rows: Table) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    missing = [label for label in labels if label not in rows.labels]
    if missing:
        there = ", ".join(sorted(rows.labels))
        raise click.BadParameter(
            f"no row has the label {', '.join(missing)}; there are {there}", param_hint="--wanted"
        )
    return labels


def _person(home: Home, profile: str, band: str | None) -> tuple[Profile, tuple[Rule, ...]]:
    """Return whose policy is asked, with the rules that hold for them."""
    if profile:
        found = home.profile(profile)
        return found, rules_in_scope(found, home.household.rules)
    if band:
        preset = bundled_presets()[Band(band)]
        rules = (Rule(str(name), RuleAction.ALLOW, name) for name, _ in preset.allowed)
        return apply(preset, Profile(band, f"age {band}", Band(band))), tuple(rules)
    every = frozenset(home.library.categories)
    return Profile("", "all lists", Band.TO_6, categories=every, bypass=True), ()


def _print(found: Audit, rows: Table, wanted: tuple[str, ...], who: Profile) -> None:
    left_out = f"; left out: {rows.left_out} without a public name" if rows.left_out else ""
    names = len({row.name for row in rows.rows})
    click.echo(safe(f"{names} names, {len(found.labels)} labels, by {who.name}{left_out}"))
    for title, total, labels in (
        ("Blocked that should be", found.wanted, wanted),
        (
            "Blocked that should not be" if wanted else "Blocked",
            found.others,
            tuple(label for label in found.labels if label not in wanted),
        ),
    ):
        if labels:
            click.echo(f"\n{title}")
            lines = [line for label in labels for line in _rows(label, found.labels[label])]
            table(_HEADERS, [*lines, *_rows("(all)", total)])


def _rows(label: str, share: Share) -> Iterator[tuple[str, ...]]:
    """Give a line for each list that blocks something, and one for all of them."""
    for name, blocked in (*share.lists.items(), ("(in total)", share.blocked)):
        yield (label, name, str(share.names), str(blocked), f"{share.percent(blocked):.1f} %")


def _json(found: Audit, rows: Table, wanted: tuple[str, ...], who: Profile) -> dict[str, object]:
    return {
        "by": who.name,
        "left_out": rows.left_out,
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
