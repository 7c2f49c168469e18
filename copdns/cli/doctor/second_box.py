"""What `copdns doctor` says of a second box: which one is the first, and whether it is followed."""

from __future__ import annotations

from collections.abc import Iterator

from copdns.cli.doctor.finding import Finding, fail, ok, warn
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.store.household_db.followers import FOLLOWS_FOR, Follower, Followers
from copdns.store.household_db.household import HouseholdStore
from copdns.store.household_db.thread import StoreThread
from copdns.store.second_box_files import read_following, read_last_fetch

_LATE = 10 * 60  # seconds without a fetch after which something is wrong
_ABOUT = "second box"


def check_second_box(home: Home) -> Iterator[Finding]:
    """Say which box is the first, and find a box that does not follow any more."""
    following = read_following(home.folder)
    if following is None:
        yield from _check_followers(home)
        return
    fetched = read_last_fetch(home.folder)
    first = f"this box follows {following.url}"
    if fetched is None:
        todo = "see whether both run, and the address and key that copdns follow was given"
        yield fail(_ABOUT, f"{first}, and has got nothing from it yet", todo)
    elif home.now - fetched >= _LATE:
        hours = (home.now - fetched) // 3600
        days = max(0, FOLLOWS_FOR - (home.now - fetched)) // 86_400
        what = f"{first}, which has not answered for {count_text(hours, 'hour')}"
        todo = f"start the first box again; without it this one ends in {count_text(days, 'day')}"
        yield warn(_ABOUT, what, todo)
    else:
        yield ok(_ABOUT, f"{first}; rules are changed there")


def _check_followers(home: Home) -> Iterator[Finding]:
    if home.is_providers or home.load_household() is None:
        return

    async def read(store: HouseholdStore) -> tuple[Follower, ...]:
        household = await home.find_household(store)
        return () if household is None else await Followers(StoreThread(store)).of(household)

    found = home.read_store(read)
    for each in found:
        if each.fetched is None or home.now - each.fetched >= _LATE:
            todo = "see copdns doctor there, or end it with copdns follower end"
            yield warn(_ABOUT, f"{each.name} fetches nothing from this box", todo)
    if found:
        names = ", ".join(each.name for each in found)
        yield ok(_ABOUT, f"this is the first box; paired with {names}")
