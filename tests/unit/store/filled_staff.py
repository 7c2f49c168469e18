"""A staff's site on which each page has something to show."""

from __future__ import annotations

from copdns.provider.law import edits
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import FeedTaken, HandLayer, NameAdded
from copdns.provider.rollout.reasons import ReasonCode, RolloutReason
from copdns.provider.rollout.rollouts import (
    FleetNode,
    RolloutKind,
    RolloutStage,
    RolloutState,
    RolloutStep,
)
from copdns.store.provider_db.rollout_rows import RolloutStore
from tests.provider_staff import ADA, BO, DOCUMENT, NOW, SPECIAL, order
from tests.unit.store.staff_site import Site
from tests.unit.store.test_staff_routes import ORDER

# Who looks at each page, and how many it is about.
VISITS = (
    ("rev", ("me", "desk", "desk/1", "desk/1/text", "statement", "report/2026-Q3")),
    ("ada", ("me", "orders", "orders/12", "orders/10", "orders/10/names", "security")),
    ("ada", ("preservations", "entries", "people", "rollouts", "checklist")),
)


async def fill_staff(site: Site) -> None:
    """Write what each page has something of."""
    ada, bo, rev = [await site.logged_in(who) for who in ("ada", "bo", "rev")]
    _, made = await ada.post("/staff/orders", {**ORDER, "is_confidential": True})
    await bo.post(f"/staff/orders/{made['number']}/confirm")
    await bo.post(
        "/staff/orders", {**ORDER, "reference": "2 O 5/26", "link": "https://a.example/o"}
    )
    name = {"layer": "security", "name": "evil.example", "why": "It steals passwords."}
    _, made = await ada.post("/staff/security", {**name, "ends": NOW + DAY})
    await bo.post(f"/staff/security/{made['number']}/confirm")
    await bo.post("/staff/security", {**name, "name": "bad-bank.example", "ends": NOW + DAY})
    request = {"authority": "A court", "reference": "4 Gs 1/26", "country": "FR", "keeper": "bo"}
    times = {"since": NOW - DAY, "through": NOW - 60, "ends": NOW + DAY, "document": DOCUMENT}
    await bo.post("/staff/preservations", {**request, **times, "records": ["bindings", "orders"]})
    case = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
    await rev.post("/staff/desk", {**case, "reason": "harmless"})
    with site.store.pool.connection() as connection:  # 1 and not one drawn by lot
        connection.execute("update desk_case set number = default")
    assert site.households
    rollouts = RolloutStore(site.households.pool)
    kinds = {RolloutKind.LISTS: RolloutState.STOPPED, RolloutKind.PACKAGE: RolloutState.UNDONE}
    for kind, state in kinds.items():
        why = RolloutReason(ReasonCode.BLOCKS_DIFFER, {"share": 0.14, "usual": 0.1})
        step = RolloutStep(NOW, "copdns", RolloutStage.SITE, state, str(why), why)
        rollouts.begin(kind, str(state), {"a": str(state).encode()}, "root", NOW)
        rollouts.add_step(rollouts.load()[-1].number, lambda _, step=step: step)  # type: ignore[misc]
    rollouts.report(FleetNode("n1", "north", True, NOW))


async def fill_statement(site: Site) -> None:
    """Write what the public statement has something of in each part, and what it may not tell."""
    write = site.store.write
    for names, fields in (
        (("bad.example", "help.example"), {"link": "https://court.example/orders/23"}),
        (("secret.example",), {"reference": "9 Z 9/26", "is_confidential": True}),
    ):
        made = write("ada", NOW, lambda _, n=names, f=fields: order(*n, **f))  # type: ignore[misc]
        assert made
        number = made.number
        write("bo", NOW, lambda now, n=number: edits.confirm_order(now, n, SPECIAL, BO, NOW))  # type: ignore[misc]
    for layer in HandLayer:
        added = NameAdded(layer, f"{layer}.example", "It steals passwords.", NOW + DAY)
        made = write("ada", NOW, lambda _, added=added: added)  # type: ignore[misc]
        assert made
        write("bo", NOW, lambda now, n=made.number: edits.confirm_name(now, n, BO, NOW))  # type: ignore[misc]
    feed = FeedTaken("phishing", "https://feed.example/list", "2026-11", DOCUMENT, 12_345)
    write("console", NOW, lambda _: feed)
    open_family = edits.open_family
    write("ada", NOW, lambda now: open_family(now, "A bad list.", NOW + DAY, ADA, NOW))
    rev, rev2 = [await site.logged_in(who) for who in ("rev", "rev2")]
    cases = (await rev.get("/staff/desk"))[1]
    if not cases:
        asked = {"name": "www.club.example", "list": "casinos", "entry": "club.example"}
        await rev.post("/staff/desk", {**asked, "reason": "harmless"})
        cases = (await rev.get("/staff/desk"))[1]
    for each in (rev, rev2):
        await each.post(f"/staff/desk/{cases[0]['number']}/decide", {"reason": "list_error"})
