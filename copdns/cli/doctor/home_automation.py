"""What `copdns doctor` says of home automation by MQTT: whether the broker takes our login."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from copdns.app.mqtt_chores import try_broker
from copdns.cli.doctor.finding import Finding, fail, ok
from copdns.cli.home import Home
from copdns.store.second_box_files import read_following

_ABOUT = "home automation"


def check_broker(home: Home) -> Iterator[Finding]:
    """Log in at the broker of the settings, and leave again; nothing is told there."""
    chosen = home.settings.mqtt
    if not chosen.host or read_following(home.folder) is not None:
        return
    where = f"{chosen.host}, port {chosen.broker_port}"
    if trouble := asyncio.run(try_broker(chosen)):
        todo = "see whether the broker runs, and the settings below mqtt"
        yield fail(_ABOUT, f"the broker at {where} does not take us: {trouble}", todo)
    else:
        yield ok(_ABOUT, f"the broker at {where} takes our login")
