"""Sites in their own letters on pages, and a warning beside one that may imitate another."""

from __future__ import annotations

import pytest

from copdns.model.names import normalize
from tests.web.guardians import guardian_client
from tests.web.site import Client, Site, text

FALSE = "аpple.example"  # the first letter is Cyrillic
HONEST = "bücher.example"


@pytest.mark.parametrize("path", ["/check", "/ask"])
async def test_a_child_reads_letters_and_a_warning(client: Client, path: str) -> None:
    page = await text(client, f"{path}?name={FALSE}")
    assert FALSE in page
    assert "It may be a trick" in page
    page = await text(client, f"{path}?name={normalize(HONEST)}")
    assert HONEST in page
    assert "It may be a trick" not in page


async def test_so_does_a_guardian(site: Site) -> None:
    async with guardian_client(site) as client:
        page = await text(client, f"/guardian/people/mia/rules?name={normalize(FALSE)}")
        assert FALSE in page
        assert "may imitate another site" in page
        page = await text(client, f"/guardian/people/mia/rules?name={HONEST}")
        assert HONEST in page
        assert "may imitate another site" not in page
