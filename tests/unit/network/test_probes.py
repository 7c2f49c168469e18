"""By made-up names it is seen whom a device asks, by which addresses, and whose it is taken for."""

from __future__ import annotations

from dataclasses import replace

from copdns.model.verdict import Requestor
from copdns.network.probes import (
    MAX_AGE,
    NAMES_PER_CODE,
    AskedResolver,
    Findings,
    Probes,
    assess_sightings,
    is_childs_device,
    probe_names,
)
from tests.home import Home
from tests.household import GUEST, MIA, NOW, TOM, family, library

CODE = "k7qf2m9d"


def seen(home: Home, probes: Probes, *who: str, asked: int = NAMES_PER_CODE) -> Findings:
    home.resolver.on_probe = probes.note_query
    for name in probe_names(CODE)[:asked]:
        for each in who:
            home.ask(each, name)
    return assess_sightings(probes.sightings(CODE, home.clock().wall))


def test_a_device_that_asks_copdns_alone_is_seen_by_every_name() -> None:
    found = seen(Home(), Probes(), "mia")
    assert (found.asks, found.uses_ipv4, found.uses_ipv6, found.is_other_machine) == (
        AskedResolver.US,
        True,
        False,
        True,
    )
    assert (found.device, found.profile, found.strangers) == ("mia-phone", "mia", ())


def test_names_that_went_elsewhere_are_missed() -> None:
    assert seen(Home(), Probes(), "mia", asked=2).asks is AskedResolver.NOT_ONLY_US
    assert seen(Home(), Probes(), "mia", asked=0).asks is AskedResolver.NOT_US


def test_every_name_gives_the_address_that_was_asked() -> None:
    home = Home()
    assert home.ask("mia", probe_names(CODE)[0]).data == ["192.0.2.1"]


def test_it_is_seen_also_in_a_pause_and_on_an_allowlist() -> None:
    home = Home(family(MIA), library())
    assert home.ask("mia", probe_names(CODE)[0]).verdict.step == 2


def test_an_address_that_is_not_known_of_a_known_device_is_told() -> None:
    found = seen(Home(), Probes(), "mia", GUEST)
    assert (found.device, found.strangers) == ("mia-phone", (GUEST,))


def test_a_machine_that_asks_itself_is_no_second_device() -> None:
    probes, home = Probes(), Home()
    me = Requestor("192.0.2.8", "192.0.2.8", "udp")
    client = home.resolver.snapshot.identify(me)
    probes.note_query(probe_names(CODE)[0], me, client, NOW)
    probes.note_fetch(CODE, Requestor("192.0.2.1", "192.0.2.8", "tcp"), client, NOW)
    assert not assess_sightings(probes.sightings(CODE, NOW)).is_other_machine


def test_a_grown_up_is_no_child() -> None:
    mia, ada = seen(Home(), Probes(), "mia"), seen(Home(), Probes(), "ada")
    assert is_childs_device(mia, MIA, NOW)
    assert not is_childs_device(ada, family().profile("ada"), NOW)
    assert not is_childs_device(seen(Home(), Probes(), GUEST), TOM, NOW)


def test_it_is_forgotten_soon_and_made_up_codes_take_no_room() -> None:
    probes, home = Probes(), Home()
    seen(home, probes, "mia")
    client = home.resolver.snapshot.identify(Requestor("192.0.2.1", "192.0.2.8", "udp"))
    asker = Requestor("192.0.2.1", "192.0.2.8", "udp")
    for name in ("x", "a.b.c", "K7QF2M9D-1", "-", "k7qf2m9dd-1"):
        probes.note_query(f"{name}.probe.home.arpa", asker, client, NOW)
    assert probes.sightings("x", NOW) == ()
    assert probes.sightings(CODE, NOW + MAX_AGE) == ()
    for number in range(1000):
        probes.note_fetch(f"{number:08}", asker, client, NOW)
    assert probes.sightings(CODE, NOW) == ()
    assert len([n for n in range(1000) if probes.sightings(f"{n:08}", NOW)]) == 256


def test_who_asks_within_the_same_second_by_a_clock_of_whole_seconds_sees_it() -> None:
    probes, home = Probes(), Home()
    asker = Requestor("192.0.2.1", "192.0.2.8", "udp")
    client = home.resolver.snapshot.identify(asker)
    probes.note_query(probe_names(CODE)[0], asker, client, NOW + 0.9)
    probes.note_query(probe_names(CODE)[1], asker, client, NOW + 0.8)  # the clock was set
    assert len(probes.sightings(CODE, NOW)) == 2


def test_of_who_shows_a_token_no_address_is_noted() -> None:
    """It may be where the other parent lives."""
    probes, home = Probes(), Home()
    asker = Requestor("192.0.2.8", "192.0.2.8", "udp")
    client = replace(home.resolver.snapshot.identify(asker), device="mia-phone")
    away = Requestor("192.0.2.250", "203.0.113.7", "tls", token="x")
    probes.note_query(probe_names(CODE)[0], away, client, NOW)
    unknown = replace(client, device="")
    probes.note_query(probe_names(CODE)[1], away, unknown, NOW)
    assert [each.address for each in probes.sightings(CODE, NOW)] == ["192.0.2.250"]
