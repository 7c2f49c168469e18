"""`copdns run`: answer queries until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import click

from copdns.cli.base import Options, pass_options


@click.command()
@pass_options
def run(options: Options) -> None:
    """Answer the questions of the household's devices, until stopped.

    Ctrl-C or SIGTERM stops it; SIGHUP reads the settings and lists again.  Changes to the
    household need neither: they are in force within a second.

    \b
    Example:  copdns -c config/home.yaml --data var run
    """
    from copdns.app import serve
    from copdns.cli.events import to_stderr

    settings = options.settings()
    to_stderr()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serve(settings, options.settings))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where this machine has a wheel of it, else None: asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
