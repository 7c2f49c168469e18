"""`copdns device token`: by what a device is recognised wherever it asks from."""

from __future__ import annotations

from functools import partial

import click

from copdns.accounts.codes import make_device_token
from copdns.as_json.device_tokens import device_token_json, new_token_json
from copdns.cli.base import json_option
from copdns.cli.changes import print_changes
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_json, print_listing
from copdns.household.token_edits import add_token, revoke_token
from copdns.model.device_tokens import https_address, short_token, tls_name, token_digest


@click.group()
def token() -> None:
    """Manage the tokens by which a device is recognised wherever it is."""


@token.command()
@click.argument("device", metavar="ID")
@json_option
@pass_home
def add(home: Home, device: str, as_json: bool) -> None:
    """Make a token for a device, and print it once.

    The device shows it over encrypted DNS, at home and away, and gets the rules of its person. Only
    a digest of it is stored, so nobody can look it up later. Its person is told.

    \b
    Example:  copdns device token add mia-tablet
    """
    made = make_device_token()
    edit = partial(add_token, device_id=device, digest=token_digest(made))
    before, after = home.apply_change(f"device {device}: token added", edit)
    chosen = home.settings.for_devices.encrypted
    if as_json:
        named_port = chosen.tls_port or chosen.quic_port
        print_json(new_token_json(device, made, chosen.name, named_port, chosen.https_port))
        return
    print_changes(before, after)
    click.echo(f"{made}  (shown once)")
    if chosen.name and chosen.tls_port:
        click.echo(f"Android, Private DNS:  {tls_name(chosen.name, made)}")
    if chosen.name and chosen.quic_port:
        click.echo(f"DNS over QUIC:         {tls_name(chosen.name, made)}")
    if chosen.name and chosen.https_port:
        click.echo(f"DNS over HTTPS:        {https_address(chosen.name, chosen.https_port, made)}")
    if not chosen.name or not chosen.is_on:
        click.echo("No device can use it yet: set encrypted.name, and encrypted.tls_port,")
        click.echo("encrypted.https_port or encrypted.quic_port, and restart copdns.")


@token.command("list")
@json_option
@pass_home
def list_(home: Home, as_json: bool) -> None:
    """List the devices that have tokens, and what each token is called.

    \b
    Example:  copdns device token list
    """
    found = [
        (each, short_token(digest)) for each in home.household.devices for digest in each.tokens
    ]
    print_listing(
        found,
        as_json,
        lambda each: device_token_json(*each),
        ("device", "token", "profile"),
        lambda each: (each[0].id, each[1], each[0].profile),
    )


@token.command()
@click.argument("device", metavar="ID")
@click.argument("token", metavar="TOKEN", required=False, default="")
@pass_home
def revoke(home: Home, device: str, token: str) -> None:
    """Revoke a token of a device, or all of them.

    TOKEN is what `copdns device token list` calls it. Within a second its connections end, and it
    is a wrong token from then on.

    \b
    Example:  copdns device token revoke mia-tablet 3fa9c1d2
    """
    edit = partial(revoke_token, device_id=device, token=token.lower())
    home.change(f"device {device}: token revoked", edit)
