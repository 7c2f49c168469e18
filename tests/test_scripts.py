"""The two commands on a fresh machine: what they take, and what they say of a missing piece."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import find_tool

ROOT = Path(__file__).parents[1]

NO_PYTHON = "#!/bin/sh\nexit 127\n"  # a version manager's shim with nothing behind it
SOME_PYTHON = "#!/bin/sh\nexit 0\n"
NO_VENV = """#!/bin/sh
case "$2" in *ensurepip*) exit 1;; *print*) echo 3.13;; esac
"""


def run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts on a machine whose programs are those of `folder` and a bare few."""
    environment = {"PATH": f"{folder}:{folder}/bin", "HOME": str(folder)}
    return subprocess.run(
        ["/bin/sh", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def program(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def test_the_newest_python_that_really_runs_is_taken(tmp_path: Path) -> None:
    program(tmp_path / "python3.14", NO_PYTHON)
    program(tmp_path / "python3.9", SOME_PYTHON)
    right = program(tmp_path / "bin" / "python3.13", SOME_PYTHON)
    program(tmp_path / "python3.12", SOME_PYTHON)
    assert run("scripts/find-python", folder=tmp_path).stdout.splitlines() == [right]


def test_all_gives_each_version_once_and_those_of_pyenv_too(tmp_path: Path) -> None:
    first = program(tmp_path / "python3.13", SOME_PYTHON)
    program(tmp_path / "bin" / "python3.13", SOME_PYTHON)
    program(tmp_path / "python3", SOME_PYTHON)
    second = program(tmp_path / ".pyenv/versions/3.11.9/bin/python3.11", SOME_PYTHON)
    assert run("scripts/find-python", "--all", folder=tmp_path).stdout.splitlines() == [
        first,
        second,
    ]


def test_a_python_without_a_version_in_its_name_is_the_last_resort(tmp_path: Path) -> None:
    only = program(tmp_path / "python3", SOME_PYTHON)
    assert run("scripts/find-python", folder=tmp_path).stdout.splitlines() == [only]


def test_no_python_is_one_clear_line(tmp_path: Path) -> None:
    result = run("scripts/find-python", folder=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "Python 3.11 or newer" in line
    assert "apt install python3" in line


@pytest.mark.parametrize("chosen", ["python3.13", ""])
def test_a_missing_venv_module_is_one_clear_line(tmp_path: Path, chosen: str) -> None:
    python = program(tmp_path / "python3.13", NO_VENV)
    venv = tmp_path / "venv"
    result = run("scripts/make-venv", str(venv), chosen and python, "pins", ".", folder=tmp_path)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "apt install python3.13-venv" in line
    assert not venv.exists()


FAKE_VENV = """#!/bin/sh
case "$2" in
*calcsize*) echo {bits} ;;
venv)
    printf '#!/bin/sh\\ncase "$*" in *-r*) cat "$6" ;; esac\\n' >"$4/bin/pip"
    chmod +x "$4/bin/pip" ;;
esac
"""
PINS = """aiohttp==3 \\
    --hash=sha256:0
    # via
    #   copdns (pyproject.toml)
pyrage==1 ; platform_machine != 'armv7l' \\
    --hash=sha256:1
    # via
    #   copdns (pyproject.toml)
pyyaml==6 \\
    --hash=sha256:2
"""


@pytest.mark.parametrize("bits", [32, 64])
def test_what_has_no_wheel_is_left_out_for_a_python_of_32_bits(tmp_path: Path, bits: int) -> None:
    python = program(tmp_path / "python3", FAKE_VENV.format(bits=bits))
    (tmp_path / "pins").write_text(PINS)
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    for each in ("cat", "chmod", "sed", "touch"):
        (tmp_path / each).symlink_to(find_tool(each))
    words = (str(tmp_path / "venv"), python, str(tmp_path / "pins"), ".")
    done = run("scripts/make-venv", *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    part = PINS[PINS.index("pyrage") : PINS.index("pyyaml")]
    assert done.stdout == (PINS.replace(part, "") if bits == 32 else PINS)


def test_make_says_what_is_missing_once_and_stops(tmp_path: Path) -> None:
    """Through make itself: nothing is run after the line that says what to install."""
    python = program(tmp_path / "python3.13", NO_VENV)
    result = subprocess.run(
        ["make", "--no-print-directory", "test", f"PYTHON={python}", f"VENV={tmp_path}/venv"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    clear, of_make = result.stderr.splitlines()
    assert "apt install python3.13-venv" in clear
    assert "Error 1" in of_make
    assert result.stdout == ""


ENOUGH, LITTLE = 9_000_000, 1_000_000  # KB
SAYS_WHERE = ("/bin/sh", "-c", '[ -z "$TMPDIR" ] || : >"$TMPDIR/mark"; echo "in $TMPDIR"; exit 3')


@pytest.mark.parametrize(
    ("room", "memory", "is_there"),
    [(ENOUGH, ENOUGH, True), (LITTLE, ENOUGH, False), (ENOUGH, LITTLE, False)],
)
def test_what_is_put_aside_stands_in_memory_where_there_is_enough_and_no_longer(
    tmp_path: Path, room: int, memory: int, is_there: bool
) -> None:
    made = tmp_path / "made"
    program(tmp_path / "df", f"#!/bin/sh\necho Avail\necho {room}\n")
    program(tmp_path / "sed", f"#!/bin/sh\necho {memory}\n")
    program(tmp_path / "mktemp", f'#!/bin/sh\n/bin/mkdir "{made}"\necho "{made}"\n')
    for each in ("chmod", "rm", "tail"):
        (tmp_path / each).symlink_to(find_tool(each))
    done = run("scripts/in-memory", *SAYS_WHERE, folder=tmp_path)
    assert done.returncode == 3
    assert done.stdout == (f"in {made}\n" if is_there else "in \n")
    assert not made.exists()


def pins(file: str) -> dict[str, str]:
    """Return the version of each package that a lock file names."""
    found = re.findall(r"^([a-z0-9_.-]+)==(\S+)", (ROOT / file).read_text(), re.MULTILINE)
    return dict(found)


def test_what_is_installed_is_what_was_tested() -> None:
    running, tested = pins("requirements-run.lock"), pins("requirements.lock")
    assert running.items() <= tested.items()
    assert "pytest" not in running
    assert {"aiohttp", "dnslib", "pydantic"} <= running.keys()
    assert "pyrage" in running, "without it no backup is encrypted"


def test_what_drives_a_browser_changes_nothing_else() -> None:
    """Both stand in one environment, and the browser's comes last."""
    tested, driving = pins("requirements.lock"), pins("requirements-browser.lock")
    assert {
        name: driving[name] for name in tested.keys() & driving.keys()
    }.items() <= tested.items()
    assert {"playwright", "axe-playwright-python"} <= driving.keys() - tested.keys()


LOCKS = ["", "-run", "-browser", "-attack"]


@pytest.mark.parametrize("file", [f"requirements{each}.lock" for each in LOCKS])
def test_pins_are_checked_by_hash_and_name_no_index(file: str) -> None:
    text = (ROOT / file).read_text()
    assert text.count("--hash=sha256:") > len(pins(file))
    assert "://" not in text


ASKED_FOR = """#!/bin/sh
echo "$@" >>"$0.said"
exit 1
"""


@pytest.mark.parametrize("there", [True, False])
def test_what_drives_a_browser_is_added_where_one_is_and_never_fails(
    tmp_path: Path, there: bool
) -> None:
    program(tmp_path / "venv" / "bin" / "pip", ASKED_FOR)
    program(tmp_path / "touch", '#!/bin/sh\n: >"$1"\n')
    if there:
        program(tmp_path / "chromium", SOME_PYTHON)
    for _ in range(2):
        done = run("scripts/add-browser", str(tmp_path / "venv"), "pins", folder=tmp_path)
        assert done.returncode == 0
    assert ("will be skipped" in done.stderr) is False  # it was tried once
    said = tmp_path / "venv" / "bin" / "pip.said"
    assert said.exists() is there
    assert not there or len(said.read_text().splitlines()) == 1
