"""What home automation is told by MQTT, and what it may send: topics and texts.  Pure.

A home is shown by retained messages: what each child's switch and sensors say, and the messages
by which Home Assistant finds them (MQTT discovery).  `app/mqtt_state.py` decides what of a person
is shown at all; this module knows neither names that were looked up nor words of requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from copdns.events.notices import Speaks
from copdns.model.events import AppealEvent, Event, EventKind
from copdns.settings.mqtt import MqttSettings

ONLINE, OFFLINE = "online", "offline"
ON, OFF = "ON", "OFF"
EVERYONE = ""  # in place of a person's id
STATES = ("open", "paused", "closed")
MAX_PAUSE = 1440  # minutes that a message can ask for: a day

# What an event about a request is called; nothing says whose it is, or what it is about.
REQUESTS: Mapping[EventKind, str] = {
    EventKind.APPEAL_MADE: "made",
    EventKind.APPEAL_WAITING: "waiting",
    EventKind.APPEAL_OVERDUE: "overdue",
    EventKind.APPEAL_DISPUTED: "disputed",
    EventKind.APPEAL_ANSWERED: "answered",
}

# Of entities that Home Assistant finds, or found at some time.
_COMPONENTS = frozenset({"switch", "binary_sensor", "sensor", "event"})
_NAME = re.compile(r"EVERYONE_PAUSE|REQUESTS|[^A-Z]+_(PAUSE|INTERNET|(USED|LEFT)_[^A-Z]+)")

Topics = Mapping[str, str]  # retained messages by topic; "" deletes one


class LimitShown(NamedTuple):
    """A daily limit, in minutes.  id: the limit's."""

    id: str
    used: int
    left: int


class ChildShown(NamedTuple):
    """What home automation may know of one child.

    state: one of STATES; "" where nothing is recorded of them, so that only the switch is shown.
    """

    id: str
    name: str
    is_paused: bool
    state: str = ""
    limits: tuple[LimitShown, ...] = ()


class SwitchMessage(NamedTuple):
    """What a message to a switch wants.  person: an id, or EVERYONE.

    minutes: of a pause; 0 until it is switched off; None: no pause.
    """

    person: str
    minutes: int | None


# --- what is told -----------------------------------------------------------------------------


def home_topics(people: tuple[ChildShown, ...], chosen: MqttSettings, speaks: Speaks) -> Topics:
    """Return all retained messages but the one that says whether copdns is there."""
    told: dict[str, str] = {}
    for each in people:
        told.update(_values(each, chosen.prefix))
    if people:
        all_paused = all(each.is_paused for each in people)
        told[_switch(chosen.prefix, EVERYONE)] = ON if all_paused else OFF
    told.update(_discovery(people, chosen, speaks))
    return told


def status_topic(chosen: MqttSettings) -> str:
    """Return the topic that says whether copdns is there: ONLINE or OFFLINE."""
    return f"{chosen.prefix}/status"


def request_message(event: Event, chosen: MqttSettings) -> tuple[str, str] | None:
    """Return topic and text of an event about a request; None for any other event."""
    if not isinstance(event, AppealEvent) or event.kind not in REQUESTS:
        return None
    return _requests(chosen.prefix), json.dumps({"event_type": REQUESTS[event.kind]})


def _requests(prefix: str) -> str:
    return f"{prefix}/requests"


def _switch(prefix: str, person: str) -> str:
    where = f"{prefix}/people/{person}" if person else f"{prefix}/everyone"
    return f"{where}/pause"


def _values(person: ChildShown, prefix: str) -> Iterator[tuple[str, str]]:
    where = f"{prefix}/people/{person.id}"
    yield _switch(prefix, person.id), ON if person.is_paused else OFF
    if person.state:
        yield f"{where}/internet", person.state
    for limit in person.limits:
        yield f"{where}/limits/{limit.id}/used", str(limit.used)
        yield f"{where}/limits/{limit.id}/left", str(limit.left)


# --- how Home Assistant finds it ------------------------------------------------------------------


def _discovery(
    people: tuple[ChildShown, ...], chosen: MqttSettings, speaks: Speaks
) -> Iterator[tuple[str, str]]:
    # Ids are of small letters, so that no two names of these are alike.
    home = _device(chosen, EVERYONE, "copdns")
    if people and chosen.switches:
        switch = _switch_fields(chosen, EVERYONE)
        text = speaks.gettext("Pause for all children")
        yield _config(chosen, "switch", "EVERYONE_PAUSE", home, text, switch)
    kinds = {"event_types": [*REQUESTS.values()], "state_topic": _requests(chosen.prefix)}
    yield _config(chosen, "event", "REQUESTS", home, speaks.gettext("Requests"), kinds)
    for person in people:
        device = _device(chosen, person.id, person.name)
        where = f"{chosen.prefix}/people/{person.id}"
        kind = "switch" if chosen.switches else "binary_sensor"
        switch = _switch_fields(chosen, person.id)
        yield _config(chosen, kind, f"{person.id}_PAUSE", device, speaks.gettext("Pause"), switch)
        if person.state:
            options = {"device_class": "enum", "options": [*STATES]}
            state = {"state_topic": f"{where}/internet", **options}
            name = f"{person.id}_INTERNET"
            yield _config(chosen, "sensor", name, device, speaks.gettext("Internet"), state)
        for limit in person.limits:
            texts = {
                "used": speaks.gettext("Minutes used: %(limit)s"),
                "left": speaks.gettext("Minutes left: %(limit)s"),
            }
            for part, text in texts.items():
                minutes = {
                    "state_topic": f"{where}/limits/{limit.id}/{part}",
                    "device_class": "duration",
                    "unit_of_measurement": "min",
                }
                name = f"{person.id}_{part.upper()}_{limit.id}"
                text = text % {"limit": limit.id}
                yield _config(chosen, "sensor", name, device, text, minutes)


def _switch_fields(chosen: MqttSettings, person: str) -> Mapping[str, object]:
    topic = _switch(chosen.prefix, person)
    return {
        "state_topic": topic,
        **({"command_topic": f"{topic}/set"} if chosen.switches else {}),
    }


def _config(
    chosen: MqttSettings,
    component: str,
    name: str,
    device: Mapping[str, object],
    text: str,
    more: Mapping[str, object],
) -> tuple[str, str]:
    """Return topic and text of one entity."""
    told = {
        "name": text,
        "unique_id": f"{_node(chosen)}_{name}",
        "availability_topic": status_topic(chosen),
        "device": device,
        **more,
    }
    topic = f"{chosen.discovery}/{component}/{_node(chosen)}/{name}/config"
    return topic, json.dumps(told, ensure_ascii=False, sort_keys=True)


def _device(chosen: MqttSettings, person: str, name: str) -> Mapping[str, object]:
    node = _node(chosen)
    if not person:
        return {"identifiers": [node], "name": name}
    return {"identifiers": [f"{node}_{person}"], "name": name, "via_device": node}


def _node(chosen: MqttSettings) -> str:
    return chosen.prefix.replace("/", "_")


# --- what comes in --------------------------------------------------------------------------------


def subscriptions(chosen: MqttSettings) -> tuple[str, ...]:
    """Return what to subscribe to: switches, and what was told before, which may be too much."""
    config = f"{chosen.discovery}/+/{_node(chosen)}/+/config"
    return f"{chosen.prefix}/people/#", f"{chosen.prefix}/everyone/#", config


def is_told_before(topic: str, chosen: MqttSettings) -> bool:
    """Tell whether a retained message is one of ours that `home_topics` made at some time.

    By its shape: what others keep below the same prefix, such as `home`, is theirs.
    """
    match _levels_below(topic, chosen.prefix):
        case ["everyone", "pause"] | ["people", _, "pause" | "internet"]:
            return True
        case ["people", _, "limits", _, "used" | "left"]:
            return True
    match _levels_below(topic, chosen.discovery):
        case [component, node, name, "config"] if node == _node(chosen):
            return component in _COMPONENTS and _NAME.fullmatch(name) is not None
    return False


def _levels_below(topic: str, prefix: str) -> list[str]:
    """Return the levels of a topic after a prefix; [] for one that is not below it."""
    start = f"{prefix}/"
    return topic.removeprefix(start).split("/") if topic.startswith(start) else []


def read_switch(topic: str, payload: bytes, chosen: MqttSettings) -> SwitchMessage | None:
    """Return what a message wants; None for one that is not to a switch, or says nothing known.

    Beside ON and OFF it may be a number of minutes, such as "30".
    """
    match _levels_below(topic, chosen.prefix):
        case ["people", person, "pause", "set"]:
            pass
        case ["everyone", "pause", "set"]:
            person = EVERYONE
        case _:
            return None
    text = payload[:8].decode("ascii", "replace").strip()
    if text in (ON, OFF):
        return SwitchMessage(person, 0 if text == ON else None)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_PAUSE:
        return SwitchMessage(person, int(text))
    return None
