"""The desk's menu: one row, what is needed less often folded away, and where one is in sight."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests.home import Home
from tests.household import MIA, TOM, family
from tests.web.guardians import log_in, set_up
from tests.web.site import Client, Site, text


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    site = Site(Home(family(MIA, TOM)))
    async with site.visited() as made:
        await set_up(site)
        await log_in(made)
        yield made


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/guardian/", "Overview"),
        ("/guardian/inbox", "Questions"),
        ("/guardian/time/mia", "Time"),
        ("/guardian/tickets", "Time"),
        ("/guardian/people/mia/closed", "People"),
    ],
)
async def test_a_page_is_marked_by_the_entry_that_it_belongs_to(
    client: Client, path: str, entry: str
) -> None:
    assert marked(await text(client, path)) == [entry]


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/guardian/devices", "The house"),
        ("/guardian/house", "The house"),
        ("/guardian/names", "The house"),
        ("/guardian/month", "The house"),
        ("/guardian/targets", "The house"),
        ("/guardian/checks", "Set-up"),
        ("/guardian/accounts", "Account"),
    ],
)
async def test_a_folded_entry_is_named_by_what_folds_it(
    client: Client, path: str, entry: str
) -> None:
    assert marked(await text(client, path)) == [entry, entry]


def marked(page: str) -> list[str]:
    """Return the entries that are marked as the current ones, in their order."""
    menu = page.partition('<ul class="main-menu">')[2].partition("</nav>")[0]
    return re.findall(r'aria-current="[a-z]+">.*?<span>([^<]*)</span>', menu, re.DOTALL)
