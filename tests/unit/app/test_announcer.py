"""Which addresses a node has that can be announced."""

from __future__ import annotations

import time

import pytest

from copdns.app.node.announcer import Announcer
from copdns.model.errors import ConfigError
from copdns.settings.config import Settings
from copdns.settings.node import NodeSection


@pytest.mark.parametrize("listen", [(), ("0.0.0.0:53",), ("192.0.2.53:53", "[::]:53")])
def test_all_addresses_of_a_node_are_none_that_can_be_announced(listen: tuple[str, ...]) -> None:
    settings = Settings(node=NodeSection(name="n1", listen=listen))
    with pytest.raises(ConfigError, match=r"node\.listen"):
        Announcer(settings, time.time, lambda _: None)
