"""`copdns doctor`: the lists, what the household refers to, and whether devices are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.fetched import NOTHING, Fetched
from copdns.cli.home import Home
from copdns.cli.output import counted
from copdns.household.check import check
from copdns.list_files.copies import NOT_HERE
from copdns.network.machine import in_container
from copdns.store.log_db.querylog import QueryLog

DAY = 86_400
ENOUGH = 200  # queries in a day that tell something


def lists(home: Home) -> Iterator[Finding]:
    """Say which lists are not loaded, or only in small part."""
    statuses = home.library.statuses
    for each in statuses:
        lost = sum(each.unused.values())
        if each.error == NOT_HERE:
            continue  # told below
        if each.error:
            todo = "fix the file or the setting `lists`, then send copdns SIGHUP or restart it"
            yield fail("lists", f"{each.info.slug} is not loaded: {each.error}", todo)
        elif lost > each.used and each.problems:
            todo = "see `copdns lists status`; its format in the settings may be wrong"
            yield warn("lists", f"{each.info.slug}: {lost} lines were not used", todo)
    entries = sum(each.used for each in statuses)
    yield ok("lists", f"{len(statuses)} lists with {entries} entries are loaded")
    if waiting := home.waiting:
        todo = "copdns tries again; if memory or disk is short, use fewer lists or free some space"
        yield warn("lists", str(waiting), todo)
    yield from _fetched(Fetched.of(home))


def _fetched(fetched: Fetched) -> Iterator[Finding]:
    """Say what keeps lists of other people from being here, and new."""
    todo = "see `copdns lists status`; `copdns lists update` tries again now"
    for error in fetched.errors():
        yield warn("lists", error, todo)
    if missing := fetched.missing:
        yield warn("lists", missing, todo)
    if left_out := fetched.left_out:
        yield warn("lists", left_out, "list in sources.use only the lists that matter most to you")
    if unknown := fetched.unknown:
        yield warn("lists", unknown, "correct sources.use; docs/lists.md has the names")
    if not fetched.chosen.sources and not fetched.chosen.too_large:
        yield warn("lists", NOTHING, "remove sources.use to download full lists")


def references(home: Home) -> Iterator[Finding]:
    """Say what the household refers to that is not there, such as a category that went away."""
    wrong = check(home.household, home.known)
    for each in wrong:
        yield warn("household", each, "correct it; until then that part has no effect")
    if not wrong:
        found = home.household
        people = len(found.profiles)
        said = (
            "1 person" if people == 1 else f"{people} people",
            counted(len(found.devices), "device"),
            counted(len(found.rules), "rule"),
        )
        yield ok("household", ", ".join(said))


def told_apart(home: Home) -> Iterator[Finding]:
    """Say when everyone may look alike, because devices are unnamed or their addresses hidden."""
    household = home.household
    named = {each.profile for each in household.devices}
    if household.profiles and not named:
        todo = "say who each device belongs to: copdns device add ID ADDRESS --profile ID"
        yield warn("devices", "none is assigned, so everyone gets guest rules", todo)
    elif len(named) > 1:
        yield _seen(home, named)
    if in_container():
        todo = "use the host's network for the container, or all devices may look like one"
        yield warn(
            "devices", "copdns runs in a container, which can hide the addresses of devices", todo
        )


def _seen(home: Home, named: set[str]) -> Finding:
    """Compare whose the queries of the last day were; counts contain no address."""
    seen: Counter[str] = Counter()
    for key, count in QueryLog(home.folder).counts(home.household.id, since=home.now - DAY):
        seen[key.profile] += count
    if len(seen) == 1 and seen.total() >= ENOUGH:
        (only,) = seen
        return warn(
            "devices",
            f"all {seen.total()} queries of the last day count as {only}'s, although devices of "
            f"{len(named)} people are assigned",
            "make devices use copdns directly: set it as the DNS server in the router's DHCP "
            "settings, not as the router's own upstream",
        )
    return ok("devices", f"devices of {len(named)} people are assigned")
