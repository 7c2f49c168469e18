"""`copdns provider keys`: what seals confidential names and signs statements."""

from __future__ import annotations

from base64 import b64encode

import click

from copdns.cli.base import json_option
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json
from copdns.cli.provider.open_register import keys_of
from copdns.provider.law.keys import KEYS_FOLDER


@click.command()
@json_option
@pass_home
def keys(home: Home, as_json: bool) -> None:
    """Make the keys that are missing, and print the public one.

    They are in the folder provider-keys beside the databases. Copy them to each machine that
    writes the tables of dnsdist, and keep a copy elsewhere: without them nobody can read the names
    of confidential orders.

    \b
    Example:  copdns provider keys
    """
    found = keys_of(home)
    found.make()
    public = b64encode(found.public_key()).decode()
    if as_json:
        print_json({"folder": str(home.folder / KEYS_FOLDER), "public_key": public})
    else:
        click.echo(public)
