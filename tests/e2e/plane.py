"""A node of a provider on loopback: its tables, dnsdist and unbound; and a source of policies."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import dns.message
import dns.query
from dns.edns import EDEOption

from copdns.provider.plane.agent import NodeAgent
from copdns.provider.plane.dnsdist import NodeSettings, Tenant, dnsdist_config
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.response_rules import response_zone
from copdns.provider.plane.snapshot import ListedNames, PlaneChange, PlaneSnapshot, address_key
from copdns.provider.plane.unbound import ResolverSettings, unbound_config
from tests.conftest import find_tool
from tests.e2e.started import DNSDIST_UP, started
from tests.running import PATIENCE, free_port

SITE = "site1"
SAFE_SOURCE = "127.0.0.2"
DEFAULT_GROUP = 9


@dataclass
class KeptSource:
    """A source that has all its changes."""

    first: PlaneSnapshot
    changes: list[PlaneChange] = field(default_factory=list)

    def snapshot(self) -> PlaneSnapshot:
        assert not self.changes, "this source cannot add its changes up"
        return self.first

    def changes_after(self, revision: int) -> Iterable[PlaneChange] | None:
        return [each for each in self.changes if each.revision > revision]

    async def wait(self) -> None:
        raise NotImplementedError


@dataclass
class Node:
    """A node.  port: of dnsdist."""

    folder: Path
    port: int
    settings: NodeSettings
    source: KeptSource
    agent: NodeAgent
    files: PlaneFiles

    @property
    def tls_port(self) -> int:
        return int(self.settings.tls_listen[0].rpartition(":")[2])

    @property
    def https_port(self) -> int:
        return int(self.settings.https_listen[0].rpartition(":")[2])

    @property
    def next(self) -> int:
        return (self.agent.revision or 0) + 1

    def change(self, change: PlaneChange) -> None:
        self.source.changes.append(change)
        assert self.agent.catch_up() == change.revision

    def ask(self, name: str, source: str, rtype: str = "A") -> dns.message.Message:
        query = dns.message.make_query(name, rtype, use_edns=0)
        return dns.query.udp(query, "127.0.0.1", PATIENCE, self.port, source=source)


def told(reply: dns.message.Message) -> str:
    """Return what a reply says: its addresses, or its rcode and extended error."""
    if reply.answer:
        return " ".join(str(rdata) for rrset in reply.answer for rdata in rrset)
    errors = [option for option in reply.options if isinstance(option, EDEOption)]
    said = [f"{int(each.code)} {each.text}" for each in errors]
    return " ".join([dns.rcode.to_text(reply.rcode()), *said])


@contextmanager
def resolver(
    folder: Path,
    forward_to: int,
    listed: ListedNames,
    targets: Mapping[str, str],
    clauses: str = "",
    **chosen: Any,
) -> Iterator[int]:
    """Run unbound; give its port.  clauses: of its configuration.  chosen: of its settings."""
    folder.mkdir()
    port = free_port()
    rules = folder / "rules.zone"
    rules.write_text(response_zone(listed))
    settings = ResolverSettings(
        f"127.0.0.1@{port}",
        ("127.0.0.1/32",),
        f"{SAFE_SOURCE}/32",
        targets,
        (f"127.0.0.1@{forward_to}",),
        str(rules),
        (
            *("do-ip6: no", "do-daemonize: no", "do-not-query-localhost: no", "use-syslog: no"),
            *('username: ""', 'chroot: ""', 'pidfile: ""', "num-threads: 1"),
            f'directory: "{folder}"',
        ),
    )
    path = folder / "unbound.conf"
    text = unbound_config(replace(settings, **chosen), listed.special)
    path.write_text(text.replace("verbosity: 0", "verbosity: 1") + clauses)
    with started([find_tool("unbound"), "-d", "-c", str(path)], "start of service", folder):
        yield port


def node_settings(folder: Path, port: int, unbound: int, copdns: int) -> NodeSettings:
    return NodeSettings(
        site=SITE,
        folder=str(folder),
        listen=(f"127.0.0.1:{port}",),
        resolvers=(f"127.0.0.1:{unbound}",),
        safe_source=SAFE_SOURCE,
        copdns=(f"127.0.0.1:{copdns}",),
        tenants=(Tenant((ip_network("127.0.0.0/8"),), DEFAULT_GROUP),),
        cache_size=100_000,
    )


def check_config(folder: Path, settings: NodeSettings) -> Path:
    """Write the configuration of dnsdist, and have dnsdist check it."""
    path = folder / "dnsdist.conf"
    path.write_text(dnsdist_config(settings))
    command = [find_tool("dnsdist"), "--check-config", "-C", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return path


@contextmanager
def front(folder: Path, settings: NodeSettings) -> Iterator[None]:
    """Run dnsdist."""
    path = check_config(folder, settings)
    command = [find_tool("dnsdist"), "--supervised", "--disable-syslog", "-C", str(path)]
    with started(command, DNSDIST_UP, folder):
        yield


@contextmanager
def node_with_tables(
    folder: Path, first: PlaneSnapshot, unbound: int, copdns: int | None = None, **chosen: Any
) -> Iterator[Node]:
    """Make tables of `first`, for a dnsdist that is not started yet.

    unbound, copdns: ports of what is behind it; None: no copdns is.  chosen: of its settings.
    """
    with closing(PlaneFiles(folder / "tables")) as files:
        source = KeptSource(first)
        agent = NodeAgent(files, source)
        agent.catch_up()
        port = free_port()
        settings = node_settings(folder / "tables", port, unbound, copdns or free_port())
        yield Node(folder, port, replace(settings, **chosen), source, agent, files)


@contextmanager
def running_node(
    folder: Path, first: PlaneSnapshot, unbound: int, copdns: int | None = None, **chosen: Any
) -> Iterator[Node]:
    """Run dnsdist by tables that are made of `first`; otherwise as `node_with_tables`."""
    with (
        node_with_tables(folder, first, unbound, copdns, **chosen) as node,
        front(folder, node.settings),
    ):
        yield node


def key(address: str) -> bytes:
    return address_key(address)
