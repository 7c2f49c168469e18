"""What a guardian made for a device that leaves the house, put there without the form."""

from __future__ import annotations

from functools import partial

from copdns.household.token_edits import add_token
from copdns.model.device_tokens import token_digest, token_text
from copdns.network.certificate_faults import CertificateReport
from copdns.web.device_setup.apple import USUAL_WISHES
from copdns.web.device_setup.away_setup import AWAY, SHOWN_FOR, AwayReadiness, AwaySetup
from tests.web.site import Site

CODE = "b" * 26
TOKEN = token_text(bytes(16))
READY = AwayReadiness((), CertificateReport((), 0, ()))


async def put_setup(site: Site, device: str = "mia-phone") -> str:
    """Give a device a token, and return the path of its own page about it."""
    edit = partial(add_token, device_id=device, digest=token_digest(TOKEN))
    now = int(site.now)
    await site.store.change("home", edit, author="Ada", what="", now=now)
    await site.follow()
    until = site.now + SHOWN_FOR
    made = AwaySetup(CODE, "home", device, TOKEN, READY, USUAL_WISHES, "", until)
    site.app[AWAY].add(made)
    return f"/device/away/{CODE}"
