"""`copdns provider statement` and `report`: what the public reads of a provider, signed."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from copdns.cli.base import read_text
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, printable
from copdns.cli.provider.open_register import keys_of, open_register
from copdns.list_files.copies import Copies
from copdns.list_files.resources import read_bundled
from copdns.lists.download import CopyState
from copdns.lists.source import Source
from copdns.model import yaml_text
from copdns.model.errors import RegisterError
from copdns.model.helpline_shapes import HotlinesShape
from copdns.provider.law.chain import RegisterHead
from copdns.provider.law.keys import is_signed_by
from copdns.provider.law.measurements import Measured
from copdns.provider.law.register import Register
from copdns.provider.law.statement import canonical_json, quarter_bounds, utc_text
from copdns.provider.law.statement_shapes import (
    FamilyListPart,
    HotlinePart,
    OperatorFigures,
    SignedReport,
    SignedStatement,
    SignedTenantReport,
)
from copdns.provider.staff.desk import DeskCase
from copdns.provider.staff.publisher import Publisher


@click.command()
@click.option("--schema", is_flag=True, help="Print the JSON schema instead.")
@pass_home
def statement(home: Home, schema: bool) -> None:
    """Print the public statement of what is filtered now, signed, as JSON.

    \b
    Example:  copdns provider statement
    """
    if schema:
        print_json(SignedStatement.model_json_schema())
        return

    _print(
        home,
        lambda publisher, register, head, cases, _: publisher.statement(
            register, head, cases, home.now
        ),
    )


@click.command()
@click.argument("quarter", metavar="[QUARTER]", default="")
@click.option(
    "--figures",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON with what copdns cannot know: your help desk's complaints, your network's outages.",
)
@click.option("--tenant", metavar="ID", default="", help="The figures of one tenant alone.")
@click.option("--schema", is_flag=True, help="Print the JSON schema instead.")
@pass_home
def report(home: Home, quarter: str, figures: Path | None, tenant: str, schema: bool) -> None:
    """Print the report of a quarter that is over, signed, as JSON; numbers below 20 are left out.

    \b
    Example:  copdns provider report 2026-Q3 --figures figures.json
    """
    if schema:
        print_json((SignedTenantReport if tenant else SignedReport).model_json_schema())
        return
    if tenant and figures:
        raise RegisterError("what --figures says is of the provider as a whole; leave one out")
    known = _read_figures(figures) if figures else OperatorFigures()

    def make(
        publisher: Publisher,
        register: Register,
        head: RegisterHead,
        cases: tuple[DeskCase, ...],
        measured: Measured,
    ) -> dict[str, Any]:
        if tenant:
            return publisher.tenant_report(register, tenant, cases, quarter, measured, home.now)
        return publisher.report(register, head, cases, quarter, known, measured, home.now)

    _print(home, make, quarter)


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--key", metavar="BASE64", default="", help="The public key that the provider has published."
)
def verify(file: Path, key: str) -> None:
    """Check the signature of a statement or report.

    Without --key it is compared with the key in the file, which says only that it is whole.

    \b
    Example:  copdns provider verify statement.json --key "..."
    """
    text = read_text(file, "name a statement or report")
    for shape in (SignedStatement, SignedReport, SignedTenantReport):
        try:
            found = shape.model_validate_json(text)
        except ValidationError:
            continue
        used = key or found.signature.public_key
        is_right = is_signed_by(
            *(_octets(used), _octets(found.signature.value)),
            canonical_json(json.loads(text)["document"]),
        )
        if not is_right:
            raise RegisterError("%(file)s: the signature is not that of the key", file=str(file))
        click.echo(printable(f"signed by {used}"))
        return
    raise RegisterError("%(file)s is neither a statement nor a report of copdns", file=str(file))


Make = Callable[[Publisher, Register, RegisterHead, tuple[DeskCase, ...], Measured], dict[str, Any]]


def _print(home: Home, make: Make, quarter: str = "") -> None:
    """Print what is made.  quarter: of a report."""
    from copdns.store.provider_db.desk_rows import DeskStore  # no home has psycopg
    from copdns.store.provider_db.figure_rows import FigureRows

    with open_register(home) as store:
        register, head = store.load_to_publish(home.now)
        cases, measured = DeskStore(store.pool).load(), Measured()
        if quarter:
            measured = FigureRows(store.pool).read(quarter_bounds(quarter)[0])
    print_json(make(publisher_of(home, register), register, head, cases, measured))


def publisher_of(home: Home, register: Register) -> Publisher:
    """Return what makes statements and reports on this machine."""
    country, keys = register.operator.country if register.operator else "", keys_of(home)
    return Publisher(_family_lists(home), hotlines_of(country), keys.public_key, keys.sign)


def _read_figures(file: Path) -> OperatorFigures:
    try:
        return OperatorFigures.model_validate(json.loads(read_text(file, "name the figures")))
    except (ValidationError, ValueError) as error:
        raise RegisterError(
            "%(file)s cannot be used: %(why)s", file=str(file), why=str(error)
        ) from error


def _family_lists(home: Home) -> tuple[FamilyListPart, ...]:
    sources = home.lists.available.sources
    copies = Copies(home.folder).states({each.slug for each in sources})
    return tuple(_family_list(each, copies[each.slug]) for each in sources)


def _family_list(source: Source, copy: CopyState) -> FamilyListPart:
    fetched = copy.fetched_at
    return FamilyListPart(
        list=source.slug,
        category=source.category,
        maintainer=source.maintainer,
        source=source.url,
        licence=source.licence,
        version="" if fetched is None else copy.sha256,
        names=None if fetched is None else copy.names,
        since=None if fetched is None else utc_text(int(fetched)),
    )


def hotlines_of(country: str) -> tuple[HotlinePart, ...]:
    """Return where pictures of abuse are reported in a country, and in all others."""
    name = "hotlines.yaml"
    shape = yaml_text.read(read_bundled("blocklists", name), name, HotlinesShape)
    here = [
        HotlinePart(name=each.name, site=str(each.site))
        for each in shape.bodies
        if each.country == country and each.sources
    ]
    directory = HotlinePart(name=shape.directory.name, site=str(shape.directory.site))
    return (*here, directory)


def _octets(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""
