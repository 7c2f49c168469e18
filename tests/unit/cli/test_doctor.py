"""`copdns doctor`: what it finds on a machine with this or that trouble."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from copdns.app import upstream_probe as probe
from copdns.cli.doctor import household, machine
from copdns.cli.doctor.upstreams import protected_sample
from copdns.cli.list_downloads import ListDownloads
from copdns.list_files.choose import ChosenLists
from copdns.list_files.load import load_catalogue
from copdns.lists.download import CopyState
from copdns.lists.version_book import HeldVersion
from copdns.lists.versions import HoldReason, VersionDiff
from copdns.model.addresses import UpstreamAddress
from copdns.model.errors import UpstreamError, UpstreamTimeoutError
from copdns.network.setup_steps import SetupProgress, SetupState
from copdns.privacy.retention import CountKey
from copdns.store import archive, sealed_backup
from copdns.store.backup_schedule import backup_name
from copdns.store.household_db.setup import Setups
from copdns.store.household_db.thread import StoreThread
from copdns.store.log_db.querylog import QueryLog
from copdns.store.log_db.usage import save_clock
from copdns.store.make_backup import ready_maker
from tests.running import free_port
from tests.unit.calling import Home

HELP = protected_sample()[0]
SAFE = load_catalogue(()).engines


class Resolver:
    """A resolver on loopback, by UDP and TCP, that knows every name as 192.0.2.1.

    ways: what it does to a name instead: "ede", "null", "missing", "servfail", "refused", "odd",
        "silent".
    """

    def __init__(self, **ways: str) -> None:
        self.ways = {name.replace("_", "."): way for name, way in ways.items()}
        self.asked: list[str] = []
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket()
        self.udp.bind(("127.0.0.1", free_port()))
        self.port = int(self.udp.getsockname()[1])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def serve_udp(self) -> None:
        while True:
            wire, peer = self.udp.recvfrom(4096)
            if not wire:
                return
            self.udp.sendto(self.reply(wire), peer)

    def serve_tcp(self) -> None:
        while True:
            with self.tcp.accept()[0] as peer:
                head = peer.recv(2)
                if not head:
                    return
                reply = self.reply(peer.recv(int.from_bytes(head, "big")))
                peer.sendall(len(reply).to_bytes(2, "big") + reply)

    def reply(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        name = query.question[0].name.to_text().rstrip(".")
        self.asked.append(name)
        way = self.ways.get(name, self.ways.get("every", ""))
        reply = dns.message.make_response(query, recursion_available=True)
        if way == "odd":
            return b"odd"
        if way == "refused":  # in the words of another program
            reply.set_rcode(dns.rcode.REFUSED)
            reply.use_edns(0, options=[dns.edns.EDEOption(18, "not for you")])
        elif way == "servfail":
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif way == "missing":
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif way == "ede":
            reply.use_edns(0, options=[dns.edns.EDEOption(17, "family shield")])
        elif name:
            address = "0.0.0.0" if way == "null" else "192.0.2.1"
            reply.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", "A", address))
        return reply.to_wire()


@contextmanager
def resolver(tcp: bool = True, **ways: str) -> Iterator[Resolver]:
    made = Resolver(**ways)
    threads = [threading.Thread(target=made.serve_udp)]
    if tcp:
        made.tcp.bind(("127.0.0.1", made.port))
        made.tcp.listen()
        threads.append(threading.Thread(target=made.serve_tcp))
    for thread in threads:
        thread.start()
    with closing(made.udp), closing(made.tcp):
        try:
            yield made
        finally:
            made.udp.sendto(b"", made.udp.getsockname())  # no message at all: the end
            if tcp:
                socket.create_connection(made.tcp.getsockname()).close()
            for thread in threads:
                thread.join()


def set_up(home: Home, *servers: str, **sections: Any) -> None:
    here: dict[str, Any] = {
        "dns": {"listen": ["127.0.0.1"], "port": free_port()},
        "web": {"listen": ["127.0.0.1"], "port": free_port(), "tls_port": 0},
        "upstreams": {"servers": list(servers)},
    }
    home.set(**here | sections)


def found(home: Home, about: str) -> list[tuple[str, str]]:
    """Return status and text of what was found about a part, with a remedy wherever one is due."""
    result = home.json("doctor")
    assert result["ok"] is not any(each["status"] == "fail" for each in result["findings"])
    for each in result["findings"]:
        assert bool(each["todo"]) is (each["status"] != "ok")
    return [(e["status"], e["what"]) for e in result["findings"] if e["about"] == about]


def test_a_sound_machine_passes_and_says_how_things_are(home: Home) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        text = home.ok("doctor")
    assert f"ok    upstreams: {upstream.address} answers by UDP (" in text
    assert f"ok    upstreams: {upstream.address} leaves protected domains alone" in text
    assert "ok    databases: " in text
    assert "ok    household: 3 people, 2 devices, 1 rule" in text
    assert "fail" not in text


def test_an_upstream_is_asked_for_protected_names_only_and_nobody_else_is_asked(
    home: Home,
) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        home.ok("doctor")
    safe = {host for each in SAFE.values() for host in each.modes.values()}
    assert set(upstream.asked) - safe == {"", *protected_sample()}


def test_a_safe_host_that_is_gone_is_told_and_only_those_in_use_are_asked_for(home: Home) -> None:
    home.ok("profile", "set", "mia", "--safe-search", "google=off")  # Tom keeps his
    with resolver() as upstream:
        set_up(home, upstream.address)
        told = "the safe hosts of search engines are there (8 checked)"
        assert ("ok", told) in found(home, "upstreams")
    assert {"strict.bing.com", "forcesafesearch.google.com"} <= set(upstream.asked)
    assert "safeapi.qwant.com" not in upstream.asked  # of nobody here
    with resolver(strict_bing_com="missing") as upstream:
        set_up(home, upstream.address)
        told = "Microsoft Bing does not work with safe search: "
        told += f"{upstream.address} says nothing of strict.bing.com"
        assert ("warn", told) in found(home, "upstreams")
    with resolver(strict_bing_com="servfail") as upstream:
        set_up(home, upstream.address)
        told = f"{upstream.address} gives no answer about safe hosts of search engines: "
        about_upstreams = found(home, "upstreams")
        assert ("warn", told + "strict.bing.com") in about_upstreams
        assert not any("are there" in each for _, each in about_upstreams)


def test_the_sample_has_a_name_of_every_help_group() -> None:
    assert len(protected_sample()) >= 5
    assert len(set(protected_sample())) == len(protected_sample())


def test_a_dead_upstream_is_a_failure_when_it_is_the_only_one(home: Home) -> None:
    dead = f"127.0.0.1:{free_port()}"
    set_up(home, dead)
    assert home.call("doctor").exit_code == 1
    assert found(home, "upstreams") == [
        ("fail", f"{dead} does not answer correctly: Connection refused")
    ]
    with resolver() as upstream:
        set_up(home, dead, upstream.address)
        assert [status for status, _ in found(home, "upstreams")] == ["warn", "ok", "ok", "ok"]
        assert home.call("doctor").exit_code == 0


@pytest.mark.parametrize(
    ("way", "what"), [("servfail", "it answered SERVFAIL"), ("odd", "no answer")]
)
def test_an_upstream_that_answers_badly_is_told(
    home: Home, way: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "odd":
        monkeypatch.setattr(probe, "PATIENCE", 0.2)
    with resolver(every=way) as upstream:
        set_up(home, upstream.address)
        ((status, text),) = found(home, "upstreams")
    assert (status, what in text) == ("fail", True)


def test_an_upstream_without_tcp_is_told(home: Home) -> None:
    with resolver(tcp=False) as upstream:
        set_up(home, upstream.address)
        assert (
            "warn",
            f"{upstream.address} answers by UDP but not by TCP: Connection refused",
        ) in found(home, "upstreams")


@pytest.mark.parametrize("way", ["ede", "null", "missing"])
def test_an_upstream_that_takes_help_away_is_found_however_it_does_it(home: Home, way: str) -> None:
    with resolver(**{HELP.replace(".", "_"): way}) as upstream:
        set_up(home, upstream.address)
        result = found(home, "upstreams")
    assert ("fail", f"{upstream.address} blocks protected domains: {HELP}") in result


def test_a_filtering_upstream_beside_a_clean_one_is_a_warning(home: Home) -> None:
    with resolver(every="ede") as shield, resolver() as clean:
        set_up(home, shield.address, clean.address)
        texts = dict(map(reversed, found(home, "upstreams")))
        told = [text for text in texts if text.startswith(f"{shield.address} blocks")]
        assert told
        assert f"copdns uses {clean.address} for them" in told[0]
        assert texts[told[0]] == "warn"


def test_made_up_addresses_have_to_be_told_to_the_settings(home: Home) -> None:
    with resolver(every="null") as shield, resolver() as clean:
        set_up(home, shield.address, clean.address)
        todo = [each["todo"] for each in home.json("doctor")["findings"]]
        assert f"add {shield.address} to upstreams.filtering, so that copdns notices" in todo


def test_an_upstream_that_knows_no_name_at_all_is_no_filter(home: Home) -> None:
    with resolver(every="missing") as upstream:
        set_up(home, upstream.address)
        assert "blocks" not in " ".join(text for _, text in found(home, "upstreams"))


def test_the_upstream_of_a_split_domain_is_asked_too(home: Home) -> None:
    dead = f"127.0.0.1:{free_port()}"
    home.ok("split", "add", "office.example", dead)
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert (
            "fail",
            f"{dead} for office.example does not answer correctly: Connection refused",
        ) in found(home, "upstreams")


def test_without_any_upstream_it_is_said_what_still_works(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.cli.doctor.upstreams.system_resolvers", lambda _own, _port: ())
    set_up(home, "system")
    assert found(home, "upstreams") == [
        ("fail", "there is none, so only blocked and local domains are answered")
    ]


@pytest.mark.parametrize("way", ["", "refused"])
def test_a_port_that_another_program_has_is_a_failure(home: Home, way: str) -> None:
    with resolver(every=way) as other, resolver() as upstream:
        set_up(home, upstream.address, dns={"listen": ["127.0.0.1"], "port": other.port})
        (status, text) = found(home, "ports")[0]
        assert (status, "used by another program" in text) == ("fail", True)


def test_an_address_of_another_machine_is_waited_for(home: Home) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address, dns={"listen": ["192.0.2.9", "127.0.0.1"], "port": 5300})
        status, text = found(home, "ports")[0]
        assert (status, "192.0.2.9 port 5300 (dns): not an address" in text) == ("warn", True)


def test_a_running_copdns_knows_itself(home: Home) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        process = home.process("run")
        assert process.stderr is not None
        assert '"ready"' in process.stderr.readline()
        ports = found(home, "ports")
        process.terminate()
        process.communicate()
    assert [status for status, _ in ports] == ["ok", "ok"]
    assert all(text.endswith("copdns answers") for _, text in ports)


def test_the_port_of_the_desk_that_another_program_has_is_a_failure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "LOADING", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as other, resolver() as upstream:
        port = other.getsockname()[1]
        web = {"listen": ["127.0.0.1"], "port": free_port(), "tls_port": port}
        set_up(home, upstream.address, web=web)
        *_, (status, text) = found(home, "ports")
    assert (status, f"port {port} (web): used by" in text) == ("fail", True)


def test_a_copdns_that_runs_without_https_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resolver() as upstream:
        web = {"listen": ["127.0.0.1"], "port": free_port(), "tls_port": free_port()}
        set_up(home, upstream.address, web=web)
        monkeypatch.setattr(machine, "_is_healthy", lambda _address, port: port != 443)
        *_, (status, text) = found(home, "ports")
    assert (status, "without HTTPS" in text) == ("fail", True)


@pytest.mark.parametrize(
    ("taken", "why"), [(True, "another program uses"), (False, "does not open")]
)
def test_a_door_that_no_browser_finds_by_itself_is_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, taken: bool, why: str
) -> None:
    def bind_error(_address: str, port: int, *, udp: bool) -> int | None:
        return errno.EADDRINUSE if taken and port == 80 else None

    monkeypatch.setattr(machine, "_bind_error", bind_error)
    with resolver() as upstream:
        set_up(home, upstream.address, web={"listen": ["192.0.2.9"], "port": 8053, "tls_port": 0})
        *_, (status, text) = found(home, "ports")
        assert (status, why in text) == ("warn", True)
        set_up(home, upstream.address, web={"listen": ["127.0.0.1"], "port": 8053, "tls_port": 0})
        assert all("does not open" not in text for _, text in found(home, "ports"))


def test_a_clock_before_the_last_change_is_a_failure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.ok("household", "set", "--name", "Ours")
    with resolver() as upstream:
        set_up(home, upstream.address)
        now = time.time()
        monkeypatch.setattr("copdns.cli.home.time.time", lambda: now - 86_400)
        ((status, text),) = found(home, "clock")
        assert (status, "before the last change" in text) == ("fail", True)


def test_a_clock_before_the_installation_is_a_failure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        monkeypatch.setattr("copdns.cli.home.time.time", lambda: 86_400)
        ((status, text),) = found(home, "clock")
        assert (status, "before the installation" in text) == ("fail", True)


def test_a_clock_that_is_taken_for_wrong_is_a_failure(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copdns.cli.home.clock_is_synchronised", lambda: False)
    save_clock(home.data, time.time() + 86_400)
    with resolver() as upstream:
        set_up(home, upstream.address)
        ((status, text),) = found(home, "clock")
        assert (status, "a time that copdns has already seen" in text) == ("fail", True)
        assert "failures.clock applies: last_known" in text


def test_a_damaged_database_is_a_failure_and_told_once(home: Home) -> None:
    home.ok("household", "set", "--name", "Ours")
    (home.data / "household.db").write_bytes(b"no database" * 1000)
    with resolver() as upstream:
        set_up(home, upstream.address)
        findings = home.json("doctor")["findings"]
    damaged = [each["what"] for each in findings if "file is not a database" in each["what"]]
    assert len(damaged) == 1


def test_pages_that_are_broken_inside_are_found(home: Home) -> None:
    log = QueryLog(home.data)
    log.count(CountKey("home", "mia", 1, "allow", "default", ""))
    log.stop()
    with closing(sqlite3.connect(home.data / "log.db")) as connection:
        connection.execute("pragma writable_schema = on")
        connection.execute("update sqlite_schema set rootpage = 99 where name = 'lookup'")
        connection.commit()
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert any(
            status == "fail" and "log.db" in text for status, text in found(home, "databases")
        )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_database_of_another_user_is_told(home: Home) -> None:
    home.ok("household", "set", "--name", "Ours")
    os.chown(home.data, 65534, -1)
    with resolver() as upstream:
        set_up(home, upstream.address)
        status, text = found(home, "databases")[0]
    assert (status, "belong to different users" in text) == ("warn", True)


@pytest.mark.parametrize(("free", "status"), [(10, "fail"), (100, "warn"), (10_000, "ok")])
def test_a_full_disk_is_told(
    home: Home, free: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        def __init__(self) -> None:
            self.free = free << 20

    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _folder: Usage())
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert found(home, "disk") == [(status, f"{free} MiB free on the disk of {home.data}")]


def test_a_list_that_is_not_in_force_is_a_failure(home: Home) -> None:
    (home.folder / "boards.txt").unlink()
    with resolver() as upstream:
        set_up(home, upstream.address)
        (broken, whole, nothing) = found(home, "lists")
    assert (broken[0], "boards is not loaded" in broken[1]) == ("fail", True)
    assert whole[0] == "ok"
    assert nothing[0] == "warn"


def test_a_list_in_another_format_is_told(home: Home) -> None:
    (home.folder / "boards.txt").write_text("||ads.example^\n||spy.example^\ngo.example\n")
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert ("warn", "boards: 2 lines were not used") in found(home, "lists")


def test_what_the_household_refers_to_in_vain_is_told(home: Home) -> None:
    (home.folder / "boards.txt").write_text("go.example\n")
    boards = {"slug": "boards", "path": "boards.txt", "format": "domains", "match": "subtree"}
    own = {"lists": [boards | {"category": "board_games"}]}
    with resolver() as upstream:
        set_up(home, upstream.address, **own)
        home.ok("profile", "set", "mia", "--category", "board_games")
        set_up(home, upstream.address)
        ((status, text),) = found(home, "household")
    assert (status, "no category 'board_games'" in text) == ("warn", True)


def test_a_household_without_devices_is_told_what_that_means(home: Home) -> None:
    home.ok("device", "remove", "tablet")
    home.ok("device", "remove", "phone")
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert found(home, "devices")[0] == (
            "warn",
            "none is assigned, so everyone gets guest rules",
        )


def test_what_phones_say_where_other_dns_servers_are_closed_is_told(home: Home) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        ((status, text),) = found(home, "phones")
        assert (status, "are closed to tom: an Android phone" in text) == ("ok", True)
        home.ok("profile", "set", "tom", "--bypass", "off")
        set_up(home, upstream.address)
        assert found(home, "phones") == []


def test_all_devices_alike_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(household, "in_container", lambda: False)
    home.ok("household", "set", "--name", "Ours")
    log = QueryLog(home.data)
    for _ in range(300):
        log.count(CountKey("home", "guest", int(time.time()) // 3600, "allow", "default", ""))
    log.stop()
    with resolver() as upstream:
        set_up(home, upstream.address)
        ((status, text),) = found(home, "devices")
    assert status == "warn"
    assert "all 300 queries of the last day count as guest's" in text


def test_a_container_is_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(household, "in_container", lambda: True)
    with resolver() as upstream:
        set_up(home, upstream.address)
        assert "in a container" in found(home, "devices")[-1][1]


@pytest.mark.parametrize("tcp", [False, True])
def test_a_probe_takes_only_the_answer_to_its_question(
    tcp: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resolver(odd="odd") as upstream:
        server = UpstreamAddress("127.0.0.1", upstream.port)
        assert probe.query_resolver(server, "a.example", 1, tcp=tcp)
        monkeypatch.setattr(probe, "PATIENCE", 0.2)
        with pytest.raises(UpstreamError if tcp else UpstreamTimeoutError):
            probe.query_resolver(server, "odd", 1, tcp=tcp)


def test_a_probe_does_not_wait_for_one_octet_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    class Slow(socket.socket):
        def sendall(self, *_: object) -> None:
            pass

        def recv(self, *_: object) -> bytes:
            nonlocal now
            now += 0.9 * probe.PATIENCE
            timeout = self.gettimeout()
            if timeout is None or timeout < 0.9 * probe.PATIENCE:
                raise TimeoutError
            return b"x"

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(socket, "create_connection", lambda *_: Slow())
    with pytest.raises(UpstreamTimeoutError):
        probe.query_resolver(UpstreamAddress("127.0.0.1", 53), "", 1, tcp=True)
    assert now < 2 * probe.PATIENCE


def test_the_network_is_asked_when_somebody_wants_that_and_the_desk_is_told(home: Home) -> None:
    with resolver() as upstream:
        set_up(home, upstream.address)
        home.ok("household", "set", "--name", "We")
        assert found(home, "network") == []
        findings = home.json("doctor", "--network")["findings"]
    (alone,) = [each for each in findings if each["about"] == "network"]
    assert (alone["status"], "only on this machine" in alone["what"]) == ("warn", True)

    async def kept() -> SetupProgress:
        with StoreThread.open(home.data) as thread:
            return await Setups(thread).progress("home")

    found_there = asyncio.run(kept()).items["alone"]
    assert (found_there.state, found_there.detail) == (SetupState.UNKNOWN, "no_network")


def test_a_version_that_waits_for_somebody_is_told() -> None:
    held = HeldVersion(CopyState(sha256="ab" * 32), (HoldReason.GROWTH,), VersionDiff(), 0.0)
    downloads = ListDownloads(ChosenLists(), {}, {"toys": held}, 0.0)
    (told, _) = household._check_downloads(downloads)
    assert (told.about, told.status) == ("lists", "warn")
    assert told.what == "toys: a new version is held (growth)"
    assert told.todo == "see copdns lists diff toys; then accept or refuse it"


def test_backups_that_are_not_made_any_more_are_a_failure(home: Home) -> None:
    server, folder = f"127.0.0.1:{free_port()}", home.folder / "backups"
    set_up(home, server)
    assert [status for status, _ in found(home, "backups")] == ["ok"]
    set_up(home, server, backup={"folder": str(folder)})
    assert home.call("doctor").exit_code == 1
    assert any("make the folder" in each for each in str(home.json("doctor")).split("'"))
    folder.mkdir()
    without = ("warn", "none are made before the household has an account")
    assert without in found(home, "backups")
    home.ok("account", "add", "Ada", "--role", "owner")
    assert ("warn", f"{folder}: none is there yet") in found(home, "backups")
    now, maker = int(time.time()), ready_maker(home.data)
    (folder / backup_name(now, "89abcdef", is_sealed=False)).touch()
    assert ("warn", f"{folder}: none is there yet") in found(home, "backups"), "another machine's"
    late = folder / backup_name(now - 3 * 86_400, maker, is_sealed=False)
    late.touch()
    assert ("warn", f"{folder}: none is there yet") in found(home, "backups"), "an empty file"
    late.write_bytes(archive.MAGIC)
    assert ("fail", "the newest is 72 hours old") in found(home, "backups")
    (folder / backup_name(now + 86_400, maker, is_sealed=False)).write_bytes(archive.MAGIC)
    told = f"1 backup in {folder} with a later time than now in the name"
    assert ("warn", told) in found(home, "backups")
    assert ("fail", "the newest is 72 hours old") in found(home, "backups")
    sealed = folder / backup_name(now - 60, maker, is_sealed=True)
    sealed.write_bytes(sealed_backup.MAGIC)
    assert ("ok", f"2 backups in {folder}; the newest is encrypted") in found(home, "backups")
    (folder / backup_name(now - 50, maker, is_sealed=False)).write_bytes(archive.MAGIC)
    assert ("ok", f"3 backups in {folder}; the newest is not encrypted") in found(home, "backups")
