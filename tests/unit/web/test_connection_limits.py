"""Who loses a connection where there are too many."""

from __future__ import annotations

import pytest

from copdns.web.connection_limits import connection_to_drop


@pytest.mark.parametrize(
    ("peers", "gone"),
    [
        (["192.0.2.8"], 0),
        (["192.0.2.8", "192.0.2.66", "192.0.2.66"], 1),  # of whoever has most, the oldest
        (["192.0.2.66", "192.0.2.8", "192.0.2.66", "192.0.2.8"], 0),
        (["2001:db8::1", "2001:db8:1::1", "2001:db8:1::2"], 1),  # one network
        (["::ffff:192.0.2.8", "::ffff:192.0.2.9", "::ffff:192.0.2.9"], 1),  # IPv4, each its own
        (["fe80::1%eth0", "192.0.2.8", "192.0.2.8"], 1),
        (["", "192.0.2.8", ""], 0),  # gone already
    ],
)
def test_whoever_has_the_most_loses_the_oldest(peers: list[str], gone: int) -> None:
    assert connection_to_drop(peers) == gone
