"""`copdns cache`: what the running copdns has cached."""

from __future__ import annotations

from pathlib import Path

import click

from copdns.cli.base import NAME, Options, pass_options


@click.group()
def cache() -> None:
    """Forget answers that are cached."""


@cache.command()
@click.argument("name", metavar="[NAME]", type=NAME, required=False)
@click.option(
    "--below", metavar="NAME", type=NAME, help="Forget this domain and all its subdomains."
)
@pass_options
def flush(options: Options, name: str | None, below: str | None) -> None:
    """Forget cached answers, so that upstreams are asked again.

    Those of NAME, and of domains that lead to it; without NAME all. Whether something was cached is
    not told: it would show what people look up. Devices keep for up to a minute what they were
    given.

    \b
    Example:  copdns cache flush shop.example
              copdns cache flush --below example
              copdns cache flush
    """
    from copdns.app.control import request

    if name and below:
        raise click.UsageError("write either NAME or --below NAME")
    folder = Path(options.settings().data)
    request(folder, do="flush_cache", name=name or below or "", below=below is not None)
    what = f"of {below} and its subdomains" if below else f"of {name}" if name else "of all domains"
    click.echo(f"cached answers {what} are forgotten")
