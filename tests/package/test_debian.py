"""What the package does on a machine: installed, upgraded, taken back, removed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.conftest import find_tool
from tests.e2e.house import eventually
from tests.package.conftest import BEFORE, ROOT, Packages, make, run_in
from tests.running import free_port
from tests.supervisor import Client, Supervisor, environment_of

PATIENCE = 60.0
SETTINGS = "etc/copdns/copdns.yaml"
DATA = "var/lib/copdns"
# Where dpkg notes what it did.
OF_DPKG = ("var/lib/dpkg/", "var/log/", "var/cache/", "tmp/", "run/")

pytestmark = pytest.mark.tools


class Machine:
    """A Debian in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()

    def run(self, *words: str | Path) -> str:
        return run_in(self.root, *words)

    def install(self, package: Path) -> str:
        (self.root / "tmp" / "copdns.deb").write_bytes(package.read_bytes())
        try:
            return self.run("dpkg", "--install", "/tmp/copdns.deb")
        finally:
            (self.root / "tmp" / "copdns.deb").unlink()

    def copdns(self, *words: str) -> str:
        return self.run("copdns", "--data", f"/{DATA}", *words)

    def files(self) -> set[str]:
        """Return all files and folders, but those of dpkg itself and what only runs."""
        found = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return {each for each in found if not f"{each}/".startswith(OF_DPKG)}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the program as the unit does, and wait until it answers."""
        heard = self.root / "run" / "notify"
        heard.unlink(missing_ok=True)
        with Supervisor(self.port, heard) as supervisor:
            process = self.start(supervisor)
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)

    def start(self, supervisor: Supervisor) -> subprocess.Popen[bytes]:
        """Start the program with the sockets of a supervisor."""
        environment = environment_of(self.port, "/run/notify") | {"PATH": "/usr/sbin:/usr/bin"}
        words = ["copdns", "-c", f"/{SETTINGS}", "--data", f"/{DATA}", "run"]
        return supervisor.start(["chroot", self.root, *words], environment)

    def blocks(self, name: str) -> bool:
        """Tell whether the program blocks a name: no upstream is asked, and there is no answer."""
        query = dns.message.make_query(name, "A", use_edns=0)
        reply = dns.query.udp(query, "127.0.0.1", PATIENCE, port=self.port)
        return reply.rcode() == dns.rcode.NOERROR and not reply.answer


@pytest.fixture(scope="module")
def machine(debian: Path) -> Machine:
    return Machine(debian)


def test_from_the_first_day_to_the_last(
    machine: Machine, packages: Packages, capfd: pytest.CaptureFixture[str]
) -> None:
    before = machine.files()
    (machine.root / SETTINGS).parent.mkdir()
    (machine.root / SETTINGS).write_text("# Of a checkout, or brought along.\n")
    assert "?" not in machine.install(packages.before)
    assert "copdns, version" in machine.run("copdns", "--version")
    with (machine.root / SETTINGS).open("a") as settings:
        settings.write("log: {rows_days: 3}\n")
    ours = (machine.root / SETTINGS).read_text()
    machine.copdns("profile", "add", "mia", "--band", "7-9")
    machine.copdns("device", "add", "mia-tablet", "127.0.0.1", "--profile", "mia")
    machine.copdns("rule", "add", "block", "films.example", "--profile", "mia")
    with machine.serving():
        assert machine.blocks("films.example")
    rules = machine.copdns("rule", "list", "--json")

    figures = upgrade(machine, packages.after)
    with capfd.disabled():
        print(f"\nThe longest wait of a query in the upgrade: {figures}")
    assert "show whether NAME is allowed" in read_manual(machine.root, "copdns-check")
    assert (machine.root / SETTINGS).read_text() == ours
    with machine.serving():
        machine.copdns("rule", "add", "block", "later.example", "--profile", "mia")
        eventually(lambda: machine.blocks("later.example"))
    kept = {each.name for each in (machine.root / DATA).glob("*.before-upgrade")}
    assert kept == {"household.db.before-upgrade", "log.db.before-upgrade"}

    said = machine.install(packages.before)
    assert "household.db: as it was on" in said
    assert "log.db: as it was on" in said
    assert "settings that only version" in said
    assert machine.copdns("rule", "list", "--json") == rules
    assert (machine.root / SETTINGS).read_text() == ours
    with machine.serving():
        assert machine.blocks("films.example")

    machine.run("dpkg", "--remove", "copdns")
    assert (machine.root / SETTINGS).read_text() == ours
    assert (machine.root / DATA / "household.db").exists()
    (machine.root / SETTINGS).unlink()
    machine.install(packages.before)
    made = machine.root / SETTINGS
    assert (made.read_text()[:6], made.stat().st_mode & 0o777) == ("# What", 0o644)
    machine.run("dpkg", "--purge", "copdns")
    assert machine.files() == before


def read_manual(root: Path, page: str) -> str:
    """Return a page as `man` finds it there; a bare Debian has no such program of its own."""
    return subprocess.run(
        [find_tool("man"), "--manpath", root / "usr" / "share" / "man", page],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "1000"},
    ).stdout


def upgrade(machine: Machine, package: Path) -> str:
    """Install a version while the one before serves, and let it take its place, while no query is
    lost and none waits for long, although the databases get other tables.  Return how long."""
    ear = machine.root / "run" / "notify"
    ear.unlink(missing_ok=True)
    with Supervisor(machine.port, ear) as supervisor:
        old = machine.start(supervisor)
        client = Client(machine.port, "films.example")
        client.start()
        try:
            assert "?" not in machine.install(package)
            old.send_signal(signal.SIGTERM)
            assert old.wait(PATIENCE) == 0
            machine.start(supervisor)
        finally:
            longest = client.stop()
    assert longest <= supervisor.patience
    return f"{longest:.2f} s, where a start takes {supervisor.started:.2f} s"


@pytest.fixture(scope="module")
def lintian(packages: Packages, tool: Callable[[str], str]) -> Iterator[subprocess.Popen[str]]:
    """What looks at the package, on a core of its own, while packages for ARM are made; not during
    the upgrade, which is measured."""
    words = [tool("lintian"), "--allow-root", "--fail-on", "error,warning", packages.after]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("arch", "head"), [("arm64", ("ELF64", "AArch64")), ("armhf", ("ELF32", "ARM"))]
)
@pytest.mark.usefixtures("lintian")
def test_packages_for_arm_have_programs_for_arm(
    tmp_path: Path, tool: Callable[[str], str], arch: str, head: tuple[str, str]
) -> None:
    package = make(ROOT, BEFORE, tmp_path, "--arch", arch)
    field = subprocess.run(
        [tool("dpkg-deb"), "--field", package, "Architecture"], capture_output=True, check=True
    )
    assert field.stdout.decode().strip() == arch
    unpacked = tmp_path / "unpacked"
    subprocess.run([tool("dpkg-deb"), "--extract", package, unpacked], check=True)
    programs = [*unpacked.rglob("*.so")]
    assert programs
    for each in programs:
        said = subprocess.run(
            [tool("readelf"), "--file-header", each],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        ).stdout
        assert all(word in said for word in head), each


def test_lintian_finds_nothing(lintian: subprocess.Popen[str]) -> None:
    found, _ = lintian.communicate()
    assert (lintian.returncode, found) == (0, "")
