"""`copdns local`, `rewrite` and `split`: local names, rewrites and split upstreams."""

from __future__ import annotations

from functools import partial

import click

from copdns.as_json.household import rewrite_json
from copdns.as_json.plain import plain
from copdns.cli.base import (
    LOCAL_NAME,
    LOCAL_VALUE,
    MATCHER,
    UPSTREAM,
    ParsedParam,
    json_option,
)
from copdns.cli.changes import print_changes
from copdns.cli.home import Home, pass_home
from copdns.cli.output import print_listing
from copdns.cli.params import profile_option, scope_of, tag_option, warn_of_unused_tag
from copdns.household.name_edits import (
    remove_local_name,
    remove_rewrite,
    remove_split_upstream,
    set_local_name,
    set_rewrite,
    set_split_upstream,
)
from copdns.model.addresses import domain, is_address
from copdns.model.errors import CopdnsError
from copdns.model.scoped_names import EVERY_NAME, ScopedName, read_scoped_name
from copdns.model.scripts import shown_name
from copdns.policy.judge import guarded_splits

# An address passes: `set_rewrite` refuses it, and says which command takes it.
_REWRITE_TARGET = ParsedParam("name", lambda text: text if is_address(text) else domain(text))


@click.group()
def local() -> None:
    """Manage local names and their addresses."""


@local.command("add")
@click.argument("name", metavar="NAME", type=LOCAL_NAME)
@click.argument("addresses", metavar="ADDRESS...", type=LOCAL_VALUE, nargs=-1, required=True)
@profile_option("Only for this person.")
@tag_option
@pass_home
def local_add(home: Home, name: str, addresses: tuple[str, ...], profile: str, tag: str) -> None:
    """Set the addresses of a local NAME.

    They replace the addresses it had. Subdomains of NAME do not exist; *.NAME stands for all of
    them that are not set here. Instead of an address, a record can be given: TXT or SRV.

    \b
    Example:  copdns local add printer.home.arpa 192.168.1.20
              copdns local add '*.dev.home.arpa' 192.168.1.30
              copdns local add _ipp._tcp.home.arpa 'SRV 0 0 631 printer.home.arpa'
              copdns local add games.home.arpa 192.168.1.40 --profile tom
    """
    scope = scope_of(profile, tag)
    warn_of_unused_tag(home.household, scope)
    name = str(ScopedName(name, scope))
    edit = partial(set_local_name, name=name, addresses=addresses, known=home.known_ids)
    home.change(f"local name {name}: {', '.join(addresses)}", edit)


@local.command("remove")
@click.argument("name", metavar="NAME", type=LOCAL_NAME)
@profile_option("What holds only for this person.")
@tag_option
@pass_home
def local_remove(home: Home, name: str, profile: str, tag: str) -> None:
    """Remove a local name.

    \b
    Example:  copdns local remove printer.home.arpa
    """
    name = str(ScopedName(name, scope_of(profile, tag)))
    home.change(f"local name {name} removed", partial(remove_local_name, name=name))


@local.command("list")
@json_option
@pass_home
def local_list(home: Home, as_json: bool) -> None:
    """List local names.

    \b
    Example:  copdns local list
    """
    print_listing(
        home.household.local_names,
        as_json,
        plain,
        ("name", "addresses", "for"),
        lambda each: (
            shown_name(each.name),
            ", ".join(each.values),
            each.scope or "everyone",
        ),
    )


@click.group()
def rewrite() -> None:
    """Answer one domain with the data of another."""


@rewrite.command("add")
@click.argument("name", metavar="NAME", type=MATCHER)
@click.argument("target", metavar="TARGET", type=_REWRITE_TARGET)
@pass_home
def rewrite_add(home: Home, name: str, target: str) -> None:
    """Answer NAME, written as in a rule, with the data of TARGET.

    TARGET is a domain. To answer a name with an address, use `copdns local add`.

    \b
    Example:  copdns rewrite add start.example homepage.example
    """
    edit = partial(set_rewrite, text=name, target_name=target, known=home.known_ids)
    home.change(f"rewrite of {name}: {target}", edit)


@rewrite.command("remove")
@click.argument("name", metavar="NAME", type=MATCHER)
@pass_home
def rewrite_remove(home: Home, name: str) -> None:
    """Remove a rewrite.

    NAME is answered with its own data again.

    \b
    Example:  copdns rewrite remove start.example
    """
    home.change(f"rewrite of {name} removed", partial(remove_rewrite, text=name))


@rewrite.command("list")
@json_option
@pass_home
def rewrite_list(home: Home, as_json: bool) -> None:
    """List rewrites.

    \b
    Example:  copdns rewrite list
    """
    print_listing(
        home.household.rewrites,
        as_json,
        rewrite_json,
        ("domain", "answered as"),
        lambda each: (shown_name(each.matcher), shown_name(each.target)),
    )


@click.group()
def split() -> None:
    """Send queries for some domains to other upstreams."""


@split.command("add")
@click.argument("domain", metavar="DOMAIN")
@click.argument("upstreams", metavar="UPSTREAM...", type=UPSTREAM, nargs=-1, required=True)
@profile_option("Only for this person.")
@tag_option
@pass_home
def split_add(home: Home, domain: str, upstreams: tuple[str, ...], profile: str, tag: str) -> None:
    """Send queries for DOMAIN to these UPSTREAMs.

    Its subdomains are included. An UPSTREAM is an address, or address:port, or an encrypted one.
    DOMAIN can be a dot for all domains, with --profile or --tag.

    \b
    Example:  copdns split add office.example 192.168.9.1
              copdns split add . tls://dns.example@192.0.2.1 --profile tom
    """
    scope = scope_of(profile, tag)
    warn_of_unused_tag(home.household, scope)
    domain = str(_read_scoped(domain, scope))
    edit = partial(set_split_upstream, name=domain, upstreams=upstreams, known=home.known_ids)
    what = f"conditional forwarding for {domain}: {', '.join(upstreams)}"
    before, after = home.apply_change(what, edit)
    print_changes(before, after)
    name = domain.partition("@")[0]
    if name in guarded_splits(after, home.rebinding):
        click.echo(
            f"Note: answers for {name} that point into the home network are blocked (DNS "
            f"rebinding). If it has such addresses, add {name} to rebinding.names in the "
            "settings.",
            err=True,
        )


def _read_scoped(domain: str, scope: str) -> ScopedName:
    try:
        return read_scoped_name(f"{domain}@{scope}" if scope else domain)
    except (ValueError, CopdnsError) as error:
        raise click.UsageError(str(error)) from None


@split.command("remove")
@click.argument("domain", metavar="DOMAIN")
@profile_option("What holds only for this person.")
@tag_option
@pass_home
def split_remove(home: Home, domain: str, profile: str, tag: str) -> None:
    """Send queries for DOMAIN to the usual upstreams again.

    \b
    Example:  copdns split remove office.example
    """
    domain = str(_read_scoped(domain, scope_of(profile, tag)))
    home.change(
        f"conditional forwarding for {domain} removed", partial(remove_split_upstream, name=domain)
    )


@split.command("list")
@json_option
@pass_home
def split_list(home: Home, as_json: bool) -> None:
    """List domains that have upstreams of their own.

    \b
    Example:  copdns split list
    """
    print_listing(
        [each for each in home.household.split_upstreams if each.key != EVERY_NAME],
        as_json,
        plain,
        ("domain", "upstreams", "for"),
        lambda each: (
            shown_name(each.name) or ".",
            ", ".join(each.upstreams),
            each.scope or "everyone",
        ),
    )
