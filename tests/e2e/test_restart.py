"""A restart that a device hardly notices: the service manager holds the sockets meanwhile."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import dns.message
import dns.query
from click.testing import CliRunner

from copdns.cli import main
from tests.running import free_port
from tests.supervisor import PATIENCE, Client, Supervisor, environment_of


def test_a_restart_loses_no_query_and_none_waits_longer_than_a_second(tmp_path: Path) -> None:
    port, data, ear = free_port(), tmp_path / "data", tmp_path / "notify"
    for words in (
        ("profile", "add", "mia", "--band", "7-9"),
        ("device", "add", "mia-tablet", "127.0.0.1", "--profile", "mia"),
        ("rule", "add", "block", "films.example", "--profile", "mia"),
    ):
        assert CliRunner().invoke(main, ["--data", str(data), *words]).exit_code == 0
    program = [sys.executable, "-m", "copdns", "--data", data, "run"]
    environment = environment_of(port, str(ear))
    with Supervisor(port, ear) as supervisor:
        first = supervisor.start(program, environment)
        client = Client(port, "films.example")
        client.start()
        first.send_signal(signal.SIGTERM)
        assert first.wait(PATIENCE) == 0
        with socket.create_connection(("127.0.0.1", port)) as waiting:  # nobody is there
            second = supervisor.start(program, environment)
            waiting.settimeout(PATIENCE)
            query = dns.message.make_query("films.example", "A")
            reply = dns.query.tcp(query, "127.0.0.1", PATIENCE, port=port, sock=waiting)
            assert reply.id == query.id
        longest = client.stop()
        second.send_signal(signal.SIGTERM)
        assert second.wait(PATIENCE) == 0
    assert len(client.waits) >= 5
    assert longest <= supervisor.patience
