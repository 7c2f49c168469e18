"""A machine that starts in 1970 finds the time, also behind a resolver that checks signatures.

`tests/e2e/test_encrypted.py` has the same with nothing but DNS over TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.rcode
import pytest

from copdns.cli.commands.upstream import time_servers
from copdns.cli.unbound import unbound_config
from tests.e2e.signed_zone import signed_server
from tests.e2e.test_unbound import unbound
from tests.replies import ede_of
from tests.running import running

pytestmark = pytest.mark.tools

ZONE = """
@     300 SOA ns hostmaster 1 3600 600 86400 60
@     300 NS  ns
ns    300 A   192.0.2.53
pool  300 A   192.0.2.123
www   300 A   192.0.2.80
"""
TIME_SERVER, OTHER = "pool.ntp.org", "www.ntp.org"
MARK = (0, "the name of a time server, which is not validated")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A server of a signed zone; gives its port and the DS record of its key."""
    folder = tmp_path_factory.mktemp("signed") / "ntp"
    with signed_server(folder, "ntp.org", ZONE) as found:
        yield found


def validating(signed: tuple[int, str], *, ours: bool) -> tuple[list[str], str]:
    """Return the configuration of a resolver that checks signatures and believes that it is 1970.

    ours: as `copdns upstream unbound` writes it; else it knows nothing of time servers.
    """
    port, anchor = signed
    text = unbound_config(5335, time_servers() if ours else (), "/nowhere")
    own = ("interface:", "port:", "auto-trust-anchor-file:", "logfile:", "directory:", "#")
    lines = [line.strip() for line in text.splitlines() if line.startswith("  ")]
    server = [line for line in lines if not line.startswith(own)]
    server += [f'trust-anchor: "{anchor}"', 'val-override-date: "19700102000000"']
    return server, f'stub-zone:\n  name: "ntp.org"\n  stub-addr: 127.0.0.1@{port}'


@pytest.mark.parametrize("ours", [True, False])
def test_in_1970_the_time_is_found_behind_a_resolver_that_checks_signatures(
    signed: tuple[int, str], tmp_path: Path, ours: bool
) -> None:
    server, clause = validating(signed, ours=ours)
    with unbound(tmp_path / "unbound", server, clause) as port:
        environment = {"COPDNS_UPSTREAMS__SERVERS": f'["127.0.0.1:{port}"]'}
        with running(tmp_path, environment=environment) as program:
            reply = program.ask(TIME_SERVER)
            assert [each.to_text() for each in reply.answer[0]] == ["192.0.2.123"]
            assert ede_of(reply) == MARK
            assert not reply.flags & dns.flags.AD
            other = program.ask(OTHER)  # it is signed for today, and that is not 1970
            assert dns.rcode.to_text(other.rcode()) == "SERVFAIL"
