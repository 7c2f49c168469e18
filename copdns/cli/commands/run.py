"""`copdns run`: answer queries until told to stop."""

from __future__ import annotations

import asyncio
import signal

import click

from copdns.cli.base import Options, pass_options


@click.command()
@click.option(
    "--light",
    is_flag=True,
    help="Without pages, for a box with little memory: nobody can read why something is blocked, "
    "or ask. No names are recorded then.",
)
@pass_options
def run(options: Options, light: bool) -> None:
    """Answer DNS queries until stopped.

    Ctrl-C or SIGTERM stops copdns; SIGHUP reloads the settings and lists. Changes to the household
    need neither: they take effect within a second.

    \b
    Example:  copdns -c config/home.yaml --data var run
    """
    from copdns.app.memory_use import (
        configure_gc,
        keep_from_gc,
        leave_out_extras,
        share_one_heap,
    )

    hangups: list[int] = []  # that came before there was anything to reload: else they would end it
    signal.signal(signal.SIGHUP, lambda number, _: hangups.append(number))
    configure_gc()
    share_one_heap()
    with keep_from_gc():  # modules stay: the collector would look at them 20 times, for 15 ms
        leave_out_extras()
        from copdns.app.app import serve
        from copdns.cli.stderr_log import log_to_stderr

    hangups.clear()  # the settings are read now
    settings = options.settings_to_run()
    log_to_stderr()
    # asyncio's own loop: sockets are read directly, and there uvloop is no faster but slower.
    asyncio.run(serve(settings, options.settings_to_run, is_light=light, hangups=hangups))
