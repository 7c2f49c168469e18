"""What home automation may know of children: nothing that the record of them would not have."""

from __future__ import annotations

from dataclasses import replace
from gettext import NullTranslations

import pytest
from pydantic import ValidationError

from copdns.app.mqtt_state import people_shown
from copdns.events.mqtt_messages import (
    EVERYONE,
    ChildShown,
    LimitShown,
    SwitchMessage,
    home_topics,
    is_told_before,
    read_switch,
)
from copdns.model.household import FullLogSpan, PrivacyMode
from copdns.model.times import Budget, Topic, TopicKind
from copdns.settings.config import load
from copdns.settings.mqtt import MqttSettings
from copdns.time.minutes import Minutes
from copdns.time.plan import PolicyInputs
from tests.household import ADA, MIA, NOW, TOM, family, live

GAMES = Budget("games", "", (("daily", 60),), (Topic(TopicKind.CATEGORY, "games"),))


def shown_of(mode: PrivacyMode, used: int, at_hour: int) -> ChildShown:
    """Return what is told of Mia, who used so many minutes of her games, so many of them until the
    last full hour."""
    span = FullLogSpan(int(NOW) - 10, int(NOW) + 7200) if mode is PrivacyMode.FULL else None
    mode = PrivacyMode.COUNTS if mode is PrivacyMode.FULL else mode
    mia = replace(MIA, privacy=mode, full_log=span)
    house = replace(family(mia, TOM, ADA), budgets=(GAMES,))
    inputs = PolicyInputs(used={("home", "mia"): {"games": Minutes(used, used, used)}})
    snapshot, now = live(house, now=NOW + 1500, readings=inputs), NOW + 1500

    def used_until(person: str, limit: str, moment: float) -> int:
        assert (person, limit) in {("mia", "games"), ("tom", "games")}
        assert moment == now // 3600 * 3600
        return at_hour

    people = people_shown(house, snapshot, inputs, used_until, now)
    assert [each.id for each in people] == ["mia", "tom"]  # no adult
    return people[0]


@pytest.mark.parametrize("mode", [PrivacyMode.COUNTS, PrivacyMode.BLOCKED])
def test_minutes_are_told_as_of_the_last_hour(mode: PrivacyMode) -> None:
    """Told each minute, they would say when somebody played."""
    assert shown_of(mode, 25, 10).limits == (LimitShown("games", 10, 50),)
    assert shown_of(mode, 8, 10).limits == (LimitShown("games", 8, 52),)  # given back since


def test_minutes_are_told_at_once_in_a_full_log_and_never_without_a_record() -> None:
    assert shown_of(PrivacyMode.FULL, 25, 10).limits == (LimitShown("games", 25, 35),)
    none = shown_of(PrivacyMode.OFF, 25, 10)
    assert none == ChildShown("mia", "Mia", is_paused=False)


@pytest.mark.parametrize(
    ("topic", "text", "wanted"),
    [
        ("people/mia/pause/set", b"ON", SwitchMessage("mia", 0)),
        ("people/mia/pause/set", b" 30\n", SwitchMessage("mia", 30)),
        ("everyone/pause/set", b"OFF", SwitchMessage(EVERYONE, None)),
        ("people/mia/pause/set", b"0", None),
        ("people/mia/pause/set", b"1441", None),
        ("people/mia/pause/set", b"\xff" * 9000, None),
        ("people/mia/pause/set", "٣".encode(), None),
        ("people/mia/pause", b"ON", None),
        ("people/mia/x/pause/set", b"ON", None),
        ("status", b"offline", None),
    ],
)
def test_a_switch_takes_on_off_and_minutes(
    topic: str, text: bytes, wanted: SwitchMessage | None
) -> None:
    assert read_switch(f"copdns/{topic}", text, MqttSettings()) == wanted


@pytest.mark.parametrize("prefix", ["copdns", "home", "homeassistant", "a/b"])
@pytest.mark.parametrize("switches", [True, False])
def test_only_what_was_told_is_ever_deleted(prefix: str, switches: bool) -> None:
    chosen = MqttSettings(prefix=prefix, switches=switches)
    people = (ChildShown("mia", "Mia", False, "open", (LimitShown("games_2", 1, 2),)),)
    ours = [*home_topics(people, chosen, NullTranslations())]
    assert all(is_told_before(each, chosen) for each in ours)
    node = prefix.replace("/", "_")
    for theirs in (
        *(f"{prefix}/status", f"{prefix}/requests", f"{prefix}/people/mia/pause/set"),
        *(
            f"{prefix}/light/kitchen/config",
            f"{prefix}/people/mia/name",
            f"{prefix}x/everyone/pause",
        ),
        f"homeassistant/light/{node}/mia_PAUSE/config",
        f"homeassistant/sensor/{node}/temperature/config",
        "people/mia/pause",
    ):
        assert not is_told_before(theirs, chosen)


def test_a_broker_outside_the_home_needs_tls() -> None:
    inside = load("mqtt: {host: 192.168.1.9, user: x, password_file: p}", "/etc/c.yaml", {}).mqtt
    assert (inside.broker_port, inside.password_file) == (1883, "/etc/p")
    outside = MqttSettings(host="198.51.100.9", tls=True)
    assert outside.broker_port == 8883
    for wrong in (
        {"host": "198.51.100.9"},
        {"host": "mqtt://broker.example"},
        {"host": "broker.example", "ca_file": "ca.pem"},
        {"host": "broker.example", "password_file": "p"},
        {"host": "broker.example", "prefix": "a/#"},
    ):
        with pytest.raises(ValidationError):
            MqttSettings.model_validate(wrong)
