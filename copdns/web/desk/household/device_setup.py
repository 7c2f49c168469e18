"""Encrypted DNS for the household's devices: what is missing, whether devices take the certificate,
and for each device the steps, files, a test, and how it is removed again."""

from __future__ import annotations

from aiohttp import web

from copdns.accounts.codes import make_appeal_id
from copdns.accounts.roles import Permission
from copdns.model.errors import HouseholdError, KeyProcessError
from copdns.model.household import Device
from copdns.network.certificate_faults import CertificateReport
from copdns.network.probes import Findings, ProbeWay, assess_sightings, is_code
from copdns.web.context import childs_page
from copdns.web.desk.house_request import HouseRequest, require_house
from copdns.web.device_setup import files
from copdns.web.device_setup.apple import USUAL_WISHES, ProfileWishes
from copdns.web.device_setup.certificate_look import look_in_turn
from copdns.web.device_setup.offer import offer_of, read_wishes, send_file
from copdns.web.device_setup.qr import qr

TEST = "device/test?code="  # below the address of the child's page


async def show(request: web.Request) -> web.Response:
    """Show what is missing, and what devices think of the certificate."""
    home = await require_house(request, Permission.SEE_PROFILES)
    report, trouble = await _look(home)
    return home.context.pages.render(
        request,
        "desk/encrypted.html",
        actor=home.actor,
        household=home.household,
        people={each.id: each.name for each in home.household.profiles},
        offer=offer_of(home.context),
        report=report,
        trouble=trouble,
        zone=home.household.timezone,
    )


async def device(request: web.Request) -> web.Response:
    """Show how a device is set up, and what a test of it found."""
    home = await require_house(request, Permission.SEE_PROFILES)
    found, offer = device_of(home), offer_of(home.context)
    report, trouble = await _look(home)
    wishes, refusal = _read_wishes(request)
    sent = request.query.get("code", "")
    code = sent if is_code(sent) else make_appeal_id()
    door = childs_page(home.request)
    may_fall_back, server = wishes.may_fall_back, offer.server
    linux_falls_back = may_fall_back or bool(offer.missing)  # else there is a name to be checked
    return home.context.pages.render(
        request,
        "desk/device_setup.html",
        status=400 if refusal else 200,
        actor=home.actor,
        household=home.household,
        device=found,
        owner=home.household.profile(found.profile),
        people={each.id: each.name for each in home.household.profiles},
        offer=offer,
        report=report,
        trouble=trouble,
        wishes=wishes,
        usual=USUAL_WISHES,
        chosen="" if refusal else request.query_string,
        networks=request.query.get("networks", ""),
        refusal=refusal,
        windows=files.netsh_lines(server, may_fall_back=may_fall_back),
        linux=files.resolved_lines(server, may_fall_back=linux_falls_back),
        linux_falls_back=linux_falls_back,
        code=code,
        was_sent=sent == code,
        seen=find_result(home, code),
        turn=next_turn(request),
        child_url=f"{door}device/setup",
        child_code=qr(f"{door}device/setup"),
        test_url=f"{door}{TEST}{code}",
        test_code=qr(f"{door}{TEST}{code}"),
    )


def _read_wishes(request: web.Request) -> tuple[ProfileWishes, HouseholdError | None]:
    """Return what was chosen for the files; where that cannot be, what is usual, and why."""
    try:
        return read_wishes(request.query), None
    except HouseholdError as error:
        return USUAL_WISHES, error


async def file(request: web.Request) -> web.Response:
    """Return a file for a device."""
    home = await require_house(request, Permission.SEE_PROFILES)
    wishes = read_wishes(request.query)
    return await send_file(request, (home.household.id, device_of(home).id), wishes)


def device_of(home: HouseRequest) -> Device:
    """Return the device in the path; raise HTTPNotFound."""
    wanted = home.request.match_info["device"]
    found = next((each for each in home.household.devices if each.id == wanted), None)
    if found is None:
        raise web.HTTPNotFound
    return found


def find_result(home: HouseRequest, code: str) -> Findings | None:
    """Return what a test showed; None before a query with its code came."""
    sightings = home.context.probes.sightings(code, home.now)
    ours = [each for each in sightings if each.household == home.household.id]
    return assess_sightings(ours) if any(e.way is ProbeWay.DNS for e in ours) else None


def next_turn(request: web.Request) -> str:
    """Return what the form that shows a result sends, so that its address is another one than that
    of the page: a browser that is led to its own address with a fragment scrolls, and asks for
    nothing (HTML, "navigate"), so that the result of before would stand there for good."""
    return "b" if request.query.get("turn") == "a" else "a"


async def _look(home: HouseRequest) -> tuple[CertificateReport | None, str]:
    """Return what devices think of the certificate of the settings, and why that cannot be said."""
    settings = home.context.settings()
    path, name = settings.encrypted_files[0], settings.encrypted.name
    if not path or not settings.encrypted.is_on:
        return None, ""
    try:
        now = home.context.now()
        report = await look_in_turn(home.request, path, name, now, wildcard=False)
    except KeyProcessError as error:
        return None, str(error)
    return report, ""
