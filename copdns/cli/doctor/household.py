"""`copdns doctor`: the lists, the household's references, and whether devices are told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.cli.list_downloads import NO_DOWNLOADS, ListDownloads
from copdns.cli.output import count_text
from copdns.household.check import check
from copdns.list_files.copies import NOT_HERE
from copdns.list_files.facts import load_facts, load_facts_state, shipped_facts
from copdns.list_files.facts_updates import facts_troubles
from copdns.network.machine import in_container
from copdns.time.budget import has_effect

DAY = 86_400
MIN_QUERIES = 200  # in a day; fewer prove nothing


def check_lists(home: Home) -> Iterator[Finding]:
    """Check that lists are loaded, and most of their lines used."""
    statuses = home.catalogue.statuses
    for each in statuses:
        lost = sum(each.unused.values())
        if each.error == NOT_HERE:
            continue  # _check_downloads reports it
        if each.error:
            todo = "fix the file or the setting `lists`, then send copdns SIGHUP or restart it"
            yield fail("lists", f"{each.info.slug} is not loaded: {each.error}", todo)
        elif lost > each.used_count and each.problems:
            todo = "see `copdns lists status`; its format in the settings may be wrong"
            yield warn("lists", f"{each.info.slug}: {lost} lines were not used", todo)
    entries = sum(each.used_count for each in statuses)
    yield ok("lists", f"{len(statuses)} lists with {entries} entries are loaded")
    if uncompiled := home.uncompiled_lists:
        todo = "copdns tries again; if memory or disk is short, use fewer lists or free some space"
        yield warn("lists", str(uncompiled), todo)
    yield from _check_downloads(ListDownloads.of(home))


def _check_downloads(downloads: ListDownloads) -> Iterator[Finding]:
    """Check that lists are downloaded and current."""
    todo = "see `copdns lists status`; `copdns lists update` tries again now"
    for error in downloads.errors():
        yield warn("lists", error, todo)
    for held, see in downloads.held_versions():
        yield warn("lists", held, f"{see}; then accept or refuse it")
    if missing := downloads.missing:
        yield warn("lists", missing, todo)
    if left_out := downloads.left_out:
        yield warn("lists", left_out, "list in sources.use only the lists that matter most to you")
    if unknown := downloads.unknown:
        yield warn("lists", unknown, "correct sources.use; docs/lists.md has the names")
    if not downloads.chosen.sources and not downloads.chosen.too_large:
        yield warn("lists", NO_DOWNLOADS, "remove sources.use to download full lists")


def check_facts(home: Home) -> Iterator[Finding]:
    """Check that the facts in force are sound and not old, and that nothing of them waits."""
    state, chosen = load_facts_state(home.folder), home.settings.facts
    troubles = list(facts_troubles(state, load_facts(home.folder), chosen, home.now))
    for each in troubles:
        yield warn(
            "facts", each, "see `copdns facts status`; `copdns facts update` tries again now"
        )
    if chosen.url and state.error and not state.is_refused:
        what = f"newer facts could not be downloaded: {state.error}"
        yield warn("facts", what, "copdns tries again; check facts.url in the settings")
    if state.waiting:
        what = f"{count_text(len(state.waiting), 'change')} of the facts waits for a guardian"
        yield warn("facts", what, "see `copdns facts diff`; then accept or keep")
    elif not troubles:
        number = max(state.number, shipped_facts().number)
        where = "newer ones are downloaded" if chosen.url else "newer ones come with copdns"
        yield ok("facts", f"number {number} is used; {where}")


def check_references(home: Home) -> Iterator[Finding]:
    """Check that what the household refers to exists, such as its categories."""
    wrong = check(home.household, home.known_ids)
    for each in wrong:
        yield warn("household", each, "correct it; until then that part has no effect")
    for budget in home.household.budgets:
        if not has_effect(budget.minutes):
            what = f"the daily limit {budget.id} has no effect: its minutes are a whole day"
            yield warn("household", what, f"remove it: copdns budget remove {budget.id}")
    if not wrong:
        found = home.household
        people = len(found.profiles)
        sizes = (
            "1 person" if people == 1 else f"{people} people",
            count_text(len(found.devices), "device"),
            count_text(len(found.rules), "rule"),
        )
        yield ok("household", ", ".join(sizes))


def check_phones(home: Home) -> Iterator[Finding]:
    """Say what a phone shows where it is set to a DNS server that its person's rules close."""
    closed = {each.id for each in home.household.profiles if each.bypass}
    whose = sorted({each.profile for each in home.household.devices} & closed)
    if whose:
        yield ok(
            "phones",
            f"other DNS servers are closed to {', '.join(whose)}: an Android phone set to one says "
            "“No internet” (Private DNS: Automatic helps), an iPhone that the network blocks "
            "encrypted DNS (remove its DNS profile)",
        )


def check_devices(home: Home) -> Iterator[Finding]:
    """Check that devices are assigned, and that their addresses are visible."""
    household = home.household
    named = {each.profile for each in household.devices}
    if household.profiles and not named:
        todo = "say who each device belongs to: copdns device add ID ADDRESS --profile ID"
        yield warn("devices", "none is assigned, so everyone gets guest rules", todo)
    elif len(named) > 1:
        yield _compare_queries(home, named)
    if in_container():
        todo = "use the host's network for the container, or all devices may look like one"
        yield warn(
            "devices", "copdns runs in a container, which can hide the addresses of devices", todo
        )


def _compare_queries(home: Home, named: set[str]) -> Finding:
    """Check that the last day's queries are not all one person's; counts contain no addresses."""
    queries: Counter[str] = Counter()
    for key, count in home.log.counts(home.household.id, since=home.now - DAY):
        queries[key.profile] += count
    if len(queries) == 1 and queries.total() >= MIN_QUERIES:
        (only,) = queries
        return warn(
            "devices",
            f"all {queries.total()} queries of the last day count as {only}'s, although devices of "
            f"{len(named)} people are assigned",
            "make devices use copdns directly: set it as the DNS server in the router's DHCP "
            "settings, not as the router's own upstream",
        )
    return ok("devices", f"devices of {len(named)} people are assigned")
