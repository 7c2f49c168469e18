"""`copdns node`: what runs on a node of a provider, beside `copdns run`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import click

from copdns.cli.base import Options, pass_options
from copdns.cli.output import printable
from copdns.model.errors import ConfigError
from copdns.settings.config import Settings


@click.group()
def node() -> None:
    """Run a node of a provider.

    dnsdist answers there, by what copdns writes for it. At home there is no node. The settings are
    those of `node`, and `provider.database`.
    """


@node.command()
@pass_options
def run(options: Options) -> None:
    """Keep the tables of dnsdist up to date until stopped.

    A change of a household is in force within a second. While PostgreSQL is away, the tables stay,
    and what time decides goes on.

    \b
    Example:  copdns -c node.yaml node run
    """
    from copdns.app.node.programs import keep_tables  # no home has its libraries

    _run(options, keep_tables)


@node.command()
@pass_options
def bindings(options: Options) -> None:
    """Take in which line has which address, by RADIUS or HTTP, until stopped.

    Several machines can run it: one of them writes, and another one does when that ends.

    \b
    Example:  copdns -c node.yaml node bindings
    """
    from copdns.app.node.programs import collect_bindings

    _run(options, collect_bindings)


@node.command()
@pass_options
def dnsdist(options: Options) -> None:
    """Print the configuration of dnsdist.

    It changes with the settings of the node only; lists, households and times need no restart.

    \b
    Example:  copdns -c node.yaml node dnsdist > /etc/dnsdist/dnsdist.conf
    """
    from copdns.app.node.configs import dnsdist_text

    click.echo(dnsdist_text(options.settings()), nl=False)


@node.command()
@pass_options
def unbound(options: Options) -> None:
    """Print the configuration of unbound behind it.

    \b
    Example:  copdns -c node.yaml node unbound > /etc/unbound/unbound.conf
    """
    from copdns.app.node.configs import unbound_text

    click.echo(unbound_text(options.settings()), nl=False)


@node.command()
@pass_options
def announce(options: Options) -> None:
    """Say which addresses of this node to announce, as ExaBGP takes it, until stopped.

    An address is withdrawn where this dnsdist does not answer, and another node does that has one
    of the same family. Dead resolvers, a PostgreSQL that is away and late lists are no reason.

    \b
    Example:  copdns -c node.yaml node announce
    """
    from copdns.app.node.announcer import announce_addresses

    _run(options, announce_addresses)


@node.command()
@click.argument("kind", type=click.Choice(["configuration", "package", "schema"]))
@pass_options
def take(options: Options, kind: str) -> None:
    """Print which version this node is to have, by the rollout that its stage allows.

    From then on it counts as taken, so that its figures are watched; whatever installs it does so
    at once. After an undo it is the version before. The exit code is 1 where there is none.

    \b
    Example:  copdns -c node.yaml node take package
    """
    from copdns.app.node.take import take_version  # no home has its libraries

    click.echo(printable(take_version(_settings(options), kind, int(time.time()))))


Program = Callable[[Settings, Callable[[], float]], Coroutine[Any, Any, None]]


def _run(options: Options, program: Program) -> None:
    from copdns.cli.stderr_log import log_to_stderr

    settings = _settings(options)
    log_to_stderr()
    asyncio.run(program(settings, time.time))


def _settings(options: Options) -> Settings:
    settings = options.settings()
    if not settings.provider.database:
        raise ConfigError(
            f"{options.path}: provider.database: a node needs the database of its households"
        )
    return settings
