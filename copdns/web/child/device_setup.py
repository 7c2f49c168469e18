"""Encrypted DNS on this device, at home or wherever it is: what it changes, who sees what, how to
set it up, test it and remove it again.

The test works in any browser without a script: its page has pictures under names that nobody
looked up before, and the next one says by which way queries for them came.
"""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.codes import make_appeal_id
from copdns.network.probes import assess_sightings, is_code, probe_names
from copdns.policy.special_names import PROBE_ZONE
from copdns.web.child.page import child_page, require_known_person
from copdns.web.context import childs_page, context_of
from copdns.web.device_setup import files
from copdns.web.device_setup.away_setup import AWAY, AwaySetup, end_in_time
from copdns.web.device_setup.offer import offer_of, send_file, send_offered
from copdns.web.device_setup.qr import qr
from copdns.web.person import Person, person_of, requestor_of

HERE = "device/setup"


async def setup(request: web.Request) -> web.Response:
    """Show how this device is set up, where that can be done here."""
    person, context = await require_known_person(request), context_of(request)
    offer = offer_of(context)
    return child_page(
        request,
        person,
        "device_setup.html",
        offer=offer,
        windows=files.netsh_lines(offer.server, may_fall_back=True),
        linux=files.resolved_lines(offer.server, may_fall_back=True),
        is_known_away=has_token(person),
        code=qr(f"{childs_page(request)}{HERE}"),
    )


async def file(request: web.Request) -> web.Response:
    """Return a file for this device, as usual: any site can lead here with choices of its own."""
    person = await require_known_person(request)
    return await send_file(request, (person.household.id, person.device))


async def away(request: web.Request) -> web.Response:
    """Show how this device is set up so that it is recognised away from home, for the ten minutes
    that a guardian has the same."""
    person, made = await _require_made(request)
    offer = made.readiness.offer(context_of(request), made.token)
    page = child_page(
        request,
        person,
        "device_away.html",
        offer=offer,
        made=made,
        windows=files.netsh_lines(offer.server, may_fall_back=made.wishes.may_fall_back),
    )
    return end_in_time(request, page, made, context_of(request).now())


async def away_file(request: web.Request) -> web.Response:
    """Return a file with the token of this device."""
    _, made = await _require_made(request)
    offer = made.readiness.offer(context_of(request), made.token)
    return await send_offered(request, offer, (made.household, made.device), made.wishes)


async def _require_made(request: web.Request) -> tuple[Person, AwaySetup]:
    """Return who opens what a guardian made for this device; raise HTTPNotFound where there is
    nothing, and HTTPForbidden for another device, which would count as this one."""
    person, context = await require_known_person(request), context_of(request)
    code = request.match_info["code"]
    made = request.app[AWAY].find(code, person.household, context.now())
    if made is None:
        raise web.HTTPNotFound(reason="This page was open for ten minutes. Ask for a new one")
    if made.device != person.device:
        raise web.HTTPForbidden(reason="This page is for another device. Open it there")
    return person, made


def has_token(person: Person) -> bool:
    """Tell whether this device is recognised by a token, wherever it is."""
    return any(each.id == person.device and each.tokens for each in person.household.devices)


async def test(request: web.Request) -> web.Response:
    """Show pictures under new names; their code is that of the query, if it has one, so that who
    sent the address here can see the result too."""
    person, wanted = await person_of(request), request.query.get("code", "")
    code = wanted if is_code(wanted) else make_appeal_id()
    port = f":{request.url.port}" if request.url.port not in (None, 80, 443) else ""
    dots = [f"http://{host}{port}/protection/dot/{code}" for host in probe_names(code)]
    page = child_page(request, person, "device_test.html", code=code, dots=dots)
    page.headers["Content-Security-Policy"] = (
        f"default-src 'self'; img-src 'self' http://*.{PROBE_ZONE}{port}; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )
    return page


async def test_result(request: web.Request) -> web.Response:
    """Show by which way queries came, and whose rules they got."""
    person, context = await person_of(request), context_of(request)
    code, now = request.match_info["code"], context.now()
    context.probes.note_fetch(code, requestor_of(request), person.client, now)
    found = assess_sightings(context.probes.sightings(code, now))
    return child_page(request, person, "device_test_result.html", found=found, code=code)
