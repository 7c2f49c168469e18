"""What `make release` makes of a commit, what it refuses, and how whoever gets it can check it.

With --compiled the release has the wheel with a compiled core, which takes two minutes more.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from zipfile import ZipFile

import dns.message
import dns.query
import pytest

from copdns import __version__
from tests.conftest import find_tool
from tests.replies import ede_of
from tests.running import free_port
from tests.supervisor import Supervisor, environment_of

ROOT = Path(__file__).parents[2]
PURPOSE = "copdns-release"
PATIENCE = 30.0


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose only commit has the files of this one, changed or not."""
    folder = tmp_path_factory.mktemp("checkout") / "copdns"
    ours = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(ours, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    changes = folder / "CHANGELOG.md"
    changes.write_text(
        changes.read_text().replace(
            "## Unreleased\n", f"## {__version__} (2026-12-24)\n\n### Upgrading\n\nNothing.\n", 1
        )
    )
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Release")
    git(folder, "tag", f"v{__version__}")
    return folder


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", folder, *who, *words], check=True)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("key") / "key")


def make_key(path: Path) -> Path:
    subprocess.run(
        [find_tool("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", path], check=True
    )
    return path


def release(sources: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [os.environ["RELEASE"], sources / "scripts" / "make-release", *words],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def compiled(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--compiled", default=False))


@pytest.fixture(scope="module")
def released(
    checkout: Path, key: Path, compiled: bool, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("released")
    without = [] if compiled else ["--no-compiled"]
    done = release(checkout, "--key", key, "--folder", folder, *without)
    assert done.returncode == 0, done.stderr
    return folder


def verify(folder: Path, key: Path, scratch: Path) -> bool:
    """Check a release as docs/releases.md says, for whoever trusts a key."""
    signers = scratch / "signers"
    public = key.with_suffix(".pub").read_text()
    signers.write_text(f'releases@copdns namespaces="{PURPOSE}" {public}')
    words = [find_tool("ssh-keygen"), "-Y", "verify", "-f", signers, "-I", "releases@copdns"]
    words += ["-n", PURPOSE, "-s", folder / "SHA256SUMS.sig"]
    with (folder / "SHA256SUMS").open() as sums:
        signed = subprocess.run(words, stdin=sums, capture_output=True, check=False)
    intact = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return signed.returncode == intact.returncode == 0


def test_a_release_is_made_twice_alike_and_signed(
    released: Path, key: Path, compiled: bool, tmp_path: Path
) -> None:
    names = {path.name for path in released.iterdir() if path not in compiled_wheels(released)}
    assert len(compiled_wheels(released)) == compiled
    (package,) = (name for name in names if name.endswith(".deb"))
    assert package.startswith(f"copdns_{__version__}-1_")
    assert names - {package} == {
        *(f"copdns-{__version__}{end}" for end in (".tar.gz", "-py3-none-any.whl")),
        *(f"copdns-{__version__}{end}" for end in (".cdx.json", ".md")),
        *("SHA256SUMS", "SHA256SUMS.sig"),
    }
    assert verify(released, key, tmp_path)
    assert not verify(released, make_key(tmp_path / "of-bo"), tmp_path)
    spoiled = shutil.copytree(released, tmp_path / "spoiled")
    with (spoiled / package).open("ab") as file:
        file.write(b"!")
    assert not verify(spoiled, key, tmp_path)


def compiled_wheels(folder: Path) -> list[Path]:
    return [*folder.glob("copdns-*-linux_*.whl")]


def test_a_wheel_of_it_answers(released: Path, compiled: bool, tmp_path: Path) -> None:
    """It is installed as scripts/make-venv does it, with packages as the lock file has them."""
    (wheel,) = compiled_wheels(released) if compiled else released.glob("*-none-any.whl")
    make_venv = [ROOT / "scripts" / "make-venv", tmp_path / "venv", os.environ["RELEASE"]]
    subprocess.run([*make_venv, "requirements-run.lock", wheel], cwd=ROOT, check=True)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}  # and no path of a checkout
    program = [str(tmp_path / "venv" / "bin" / "copdns"), "--data", str(tmp_path / "data")]

    def run(*words: str) -> str:
        return subprocess.check_output([*program, *words], cwd=tmp_path, text=True, env=environment)

    core = "the core is compiled" if compiled else "the core is not compiled"
    assert run("--version") == f"copdns, version {__version__}; {core}\n"
    run("profile", "add", "mia", "--band", "7-9")
    run("device", "add", "tablet", "127.0.0.1", "--profile", "mia")
    run("rule", "add", "block", "films.example", "--profile", "mia")
    port = free_port()
    environment = environment_of(port, str(tmp_path / "ear")) | environment
    environment.pop("PYTHONPATH", None)
    with Supervisor(port, tmp_path / "ear") as supervisor:
        process = supervisor.start([*program, "run"], environment)
        query = dns.message.make_query("films.example", "A", use_edns=0)
        assert ede_of(dns.query.udp(query, "127.0.0.1", PATIENCE, port=port)) is not None
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_a_release_says_what_it_is_and_what_it_is_made_of(released: Path) -> None:
    notes = (released / f"copdns-{__version__}.md").read_text()
    assert notes.startswith(f"## {__version__} (2026-12-24)\n")
    assert "\n### Upgrading\n" in notes
    bill = json.loads((released / f"copdns-{__version__}.cdx.json").read_text())
    assert bill["metadata"]["component"]["version"] == __version__
    pins = re.findall(
        r"^([\w.-]+)==([^ ]+)", (ROOT / "requirements-run.lock").read_text(), re.MULTILINE
    )
    assert {(each["name"], each["version"]) for each in bill["components"]} == set(pins)
    wheel = ZipFile(released / f"copdns-{__version__}-py3-none-any.whl")
    assert f"copdns-{__version__}.dist-info/METADATA" in wheel.namelist()
    with tarfile.open(released / f"copdns-{__version__}.tar.gz") as sources:
        names = {each.partition("/")[2] for each in sources.getnames()}
    assert {"LICENSE", "hatch_build.py", "copdns/__init__.py", "web-ui/static/icon.svg"} <= names


def test_what_is_not_ready_is_refused(checkout: Path, key: Path, tmp_path: Path) -> None:
    def refusal(*words: str | Path) -> str:
        done = release(checkout, "--no-compiled", "--folder", tmp_path / "none", *words)
        assert done.returncode == 1
        assert not (tmp_path / "none").exists()
        return done.stderr

    assert "--key is missing" in refusal()
    (checkout / "new").write_text("")
    assert "not committed" in refusal("--key", key)
    (checkout / "new").unlink()
    git(checkout, "tag", "--delete", f"v{__version__}")
    try:
        assert f"no tag v{__version__}" in refusal("--key", key)
        changes = (checkout / "CHANGELOG.md").read_text()
        for heading, reason in (("### Upgrading", "no '### Upgrading'"), ("## 0", "no section")):
            (checkout / "CHANGELOG.md").write_text(changes.replace(heading, "#### Other"))
            git(checkout, "commit", "--quiet", "--all", "--message", "Other")
            git(checkout, "tag", f"v{__version__}")
            assert reason in refusal("--key", key)
            git(checkout, "tag", "--delete", f"v{__version__}")
            git(checkout, "reset", "--quiet", "--hard", "HEAD~1")
    finally:
        git(checkout, "tag", f"v{__version__}")
