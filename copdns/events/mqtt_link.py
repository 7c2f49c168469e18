"""The connection to an MQTT broker: say what is to be told, take what is sent to switches.

Imported when the settings name a broker: most homes have none, and aiomqtt takes megabytes.
All waiting is here; `mqtt_messages.py` says what is told.  A broker that is slow, gone or hostile
costs nothing but itself: what waits for it is bounded, what comes from it is too, and whoever
floods is left alone for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from ssl import SSLError, create_default_context
from typing import NamedTuple

import structlog
from aiomqtt import Client, MqttError, ProtocolVersion, Will
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from copdns.events.mqtt_messages import (
    OFFLINE,
    ONLINE,
    SwitchMessage,
    Topics,
    is_told_before,
    read_switch,
    request_message,
    status_topic,
    subscriptions,
)
from copdns.model.errors import CopdnsError
from copdns.model.events import Event
from copdns.settings.mqtt import MqttSettings

log = structlog.get_logger("copdns")

MAX_WAITING = 50  # events about requests; the oldest are dropped
MAX_PACKET = 8192  # octets that the broker may send at once
MAX_INCOMING = 1000  # messages that wait to be read; more are dropped
MAX_IN_A_SECOND = 50  # messages to switches
MAX_KEPT = 10_000  # retained messages that a broker may have of us; a home has some hundred
AT_LEAST_ONCE = 1  # quality of service


class MqttTimes(NamedTuple):
    """In seconds.  look: between two looks at what is to be told.  answer: for the broker to
    answer.  again, longest: before another attempt, at first and at most.  steady: a connection
    that lasted so long begins with `again` once more."""

    look: float = 0.5
    answer: float = 5.0
    again: float = 1.0
    longest: float = 300.0
    steady: float = 60.0
    farewell: float = 1.0


DEFAULT_TIMES = MqttTimes()


class MqttFloodError(CopdnsError):
    """More messages came to switches than people send."""


class MqttLoginError(CopdnsError):
    """The file with the password, or with the certificate, cannot be read."""


class MqttLink:
    """Keeps one connection, and begins another when it ends.

    topics: gives what is to be told now, as `home_topics` does.  on_switch: is given what messages
    to switches want.
    """

    def __init__(
        self,
        settings: MqttSettings,
        topics: Callable[[], Awaitable[Topics]],
        on_switch: Callable[[SwitchMessage], None],
        times: MqttTimes = DEFAULT_TIMES,
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._on_switch = on_switch
        self._times = times
        self._events: deque[tuple[str, str]] = deque(maxlen=MAX_WAITING)
        self._told: dict[str, str] = {}  # retained messages that the broker has, as far as known
        self.is_connected = False
        self.trouble = ""  # why nobody is connected, for people; it names no person and no topic

    async def try_login(self) -> str:
        """Log in once, and leave; return why that fails, for people, "" where it works."""
        try:
            await self._reach(self._settings)
            async with await self._client(self._settings, will=None):
                return ""
        except (MqttError, OSError, CopdnsError) as error:
            return _describe(error)

    def on_event(self, event: Event) -> None:
        """Take an event from the bus; while nobody is connected it is not kept."""
        message = request_message(event, self._settings)
        if message is not None and self.is_connected:
            self._events.append(message)

    async def run(self) -> None:
        """Stay connected until this is cancelled."""
        loop, delay = asyncio.get_running_loop(), self._times.again
        while True:
            began = loop.time()
            try:
                await self._connect()
            except (MqttError, OSError, CopdnsError) as error:
                self._note(_describe(error))
            if loop.time() - began > self._times.steady:
                delay = self._times.again
            await asyncio.sleep(delay)
            delay = min(2 * delay, self._times.longest)

    async def _connect(self) -> None:
        """Serve one connection to its end; raise MqttError, OSError and CopdnsError."""
        chosen = self._settings
        await self._reach(chosen)
        will = Will(status_topic(chosen), OFFLINE, AT_LEAST_ONCE, retain=True)
        async with await self._client(chosen, will) as client:
            self._note("")
            self._told.clear()
            try:
                self.is_connected = True
                await self._serve(client)
            finally:
                self.is_connected = False
                self._events.clear()
                await self._say_farewell(client)

    async def _reach(self, chosen: MqttSettings) -> None:
        """Raise OSError where nothing listens: unlike aiomqtt's, this wait can be cancelled."""
        opening = asyncio.open_connection(chosen.host, chosen.broker_port)
        _, writer = await asyncio.wait_for(opening, self._times.answer)
        writer.close()

    async def _client(self, chosen: MqttSettings, will: Will | None) -> Client:
        password = await asyncio.to_thread(_read_password, chosen.password_file)
        certificates = None
        if chosen.tls:
            try:
                certificates = await asyncio.to_thread(
                    create_default_context, cafile=chosen.ca_file or None
                )
            except (OSError, SSLError) as error:
                raise MqttLoginError(f"mqtt.ca_file cannot be used ({error})") from error
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MAX_PACKET
        return Client(
            chosen.host,
            chosen.broker_port,
            username=chosen.user or None,
            password=password if chosen.user else None,
            logger=_silent(),
            protocol=ProtocolVersion.V5,
            properties=properties,
            will=will,
            timeout=self._times.answer,
            keepalive=30,
            max_queued_incoming_messages=MAX_INCOMING,
            tls_context=certificates,
        )

    async def _serve(self, client: Client) -> None:
        # Our own messages are not sent back to us.
        options = SubscribeOptions(qos=AT_LEAST_ONCE, noLocal=True)
        for topic in subscriptions(self._settings):
            await client.subscribe(topic, options=options)
        await client.publish(status_topic(self._settings), ONLINE, AT_LEAST_ONCE, retain=True)
        listening = asyncio.create_task(self._listen(client))
        telling = asyncio.create_task(self._tell(client))
        both = {listening, telling}
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
        finally:
            for each in both:
                each.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _tell(self, client: Client) -> None:
        """Say what changed, for ever."""
        while True:
            await self._tell_topics(client, await self._topics())
            while self._events:
                topic, text = self._events.popleft()
                await client.publish(topic, text, AT_LEAST_ONCE)
            await asyncio.sleep(self._times.look)

    async def _tell_topics(self, client: Client, wanted: Topics) -> None:
        for topic in self._told.keys() - wanted.keys():  # of people and limits that are gone
            await client.publish(topic, "", AT_LEAST_ONCE, retain=True)
            self._told.pop(topic, None)
        for topic, text in wanted.items():
            if self._told.get(topic) != text:
                await client.publish(topic, text, AT_LEAST_ONCE, retain=True)
                self._told[topic] = text

    async def _listen(self, client: Client) -> None:
        """Read what comes, for ever; raise MqttFloodError."""
        loop = asyncio.get_running_loop()
        second, count = loop.time(), 0
        async for message in client.messages:
            topic = str(message.topic)
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if message.retain:  # told before; a switch that was pressed once is not pressed again
                if payload and is_told_before(topic, self._settings):
                    self._told.setdefault(topic, "")  # what is not wanted any more is deleted
                    if len(self._told) > MAX_KEPT:
                        raise MqttFloodError("the broker keeps more messages than there can be")
                continue
            if loop.time() - second >= 1:
                second, count = loop.time(), 0
            count += 1
            if count > MAX_IN_A_SECOND:
                raise MqttFloodError("more messages came than people send")
            wanted = read_switch(topic, payload, self._settings)
            if wanted is not None and self._settings.switches:
                self._on_switch(wanted)

    async def _say_farewell(self, client: Client) -> None:
        """Say that copdns is gone, where that can still be said; else the broker does."""
        with contextlib.suppress(MqttError, OSError, TimeoutError):
            saying = client.publish(
                status_topic(self._settings), OFFLINE, AT_LEAST_ONCE, retain=True
            )
            await asyncio.wait_for(saying, self._times.farewell)

    def _note(self, trouble: str) -> None:
        """Log when the broker cannot be reached, and when it is again."""
        if trouble and not self.trouble:
            log.warning("home automation is not told anything", error=trouble)
        elif self.trouble and not trouble:
            log.info("home automation is told again")
        self.trouble = trouble


def _read_password(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeError) as error:
        raise MqttLoginError(f"mqtt.password_file cannot be read ({error})") from error


def _silent() -> logging.Logger:
    """Return a logger that says nothing: topics have ids of people."""
    found = logging.Logger("aiomqtt", logging.CRITICAL)
    found.addHandler(logging.NullHandler())
    return found


def _describe(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "the broker does not answer"
    return str(error) or type(error).__name__
