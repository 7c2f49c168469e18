"""What a second box does besides answering: fetch from the first one, send minutes and requests.

One request waits at the first box for a newer bundle, so that a change is here within a second;
another one sends what there is to send.  While the first box is away, requests of children wait in
memory: no disk of a second box has their words.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import ValidationError

from copdns.accounts.codes import make_nonce
from copdns.app.second_box.followed_source import FollowedSource
from copdns.app.time_chores import TimeChores
from copdns.household.second_box.bundle import MAX_WAIT
from copdns.household.second_box.seal import NONCE, seal_request, unseal_reply
from copdns.list_files.followed_files import FollowedFiles
from copdns.model.errors import CopdnsError, FollowingError
from copdns.model.hosts import DESK_HOST
from copdns.privacy.box_messages import (
    PATH,
    FilePart,
    FirstBoxReply,
    FollowerRequest,
    SentAsk,
    send_usage,
)
from copdns.store.household_db.appeals import AppealStore
from copdns.time.clock import Clock

if TYPE_CHECKING:
    from aiohttp import ClientSession

log = structlog.get_logger("copdns")

PAUSE = 0.5  # seconds after a failure before the first box is asked again
SEND_EVERY = 1.0  # seconds between two looks whether there is something to send
MINUTES_EVERY = 20.0  # seconds between two exchanges of minutes
ASK_AGAIN = 3.0  # seconds between two looks at the state of what was asked here
PATIENCE = 5.0  # seconds for a reply, besides those for which it may wait
MAX_REPLY = 16 << 20  # octets
MAX_APPEALS = 100  # of which the state is asked


class FollowerChores:
    """source: gets the bundles.  apply_files: called when files of lists or facts are new."""

    def __init__(
        self,
        folder: Path,
        source: FollowedSource,
        time_chores: TimeChores,
        clock: Clock,
        apply_files: Callable[[], Awaitable[None]],
    ) -> None:
        self._source = source
        self._time_chores = time_chores
        self._clock = clock
        self._apply_files = apply_files
        self._files = FollowedFiles(folder)
        self._ids: dict[str, str] = {}  # of requests here: what the first box calls each
        self._minutes_at = 0.0  # monotonic: when minutes were exchanged last
        self._looked_at = 0.0  # monotonic: when answers were asked for last
        self._mark = ""  # that the first box gave last
        self._new_bundle = asyncio.Event()

    async def run(self) -> None:
        """Follow the first box, until this is cancelled."""
        from aiohttp import ClientSession, ClientTimeout, TCPConnector  # 10 MB, which others save

        # What travels is sealed with a secret of both boxes: a certificate adds nothing to that.
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        async with ClientSession(
            connector=TCPConnector(ssl=unchecked),
            timeout=ClientTimeout(total=MAX_WAIT + PATIENCE, sock_connect=PATIENCE),
            trust_env=False,
        ) as session:
            await asyncio.gather(
                self._repeat(lambda: self._follow(session), PAUSE),
                self._repeat(lambda: self._send(session), SEND_EVERY),
                self._repeat(lambda: self._fetch_files(session), PAUSE),
            )

    async def _repeat(self, work: Callable[[], Awaitable[None]], pause: float) -> None:
        while True:
            try:
                await work()
            except CopdnsError as error:
                self._tell_trouble(str(error))
            except Exception:  # noqa: BLE001 - a bug in here must not end the answering
                log.error("a bug in following another box", traceback=traceback.format_exc())
            await asyncio.sleep(pause)

    def _tell_trouble(self, text: str) -> None:
        if text != self._source.trouble:
            log.warning("the first box is not followed now", error=text)
        self._source.trouble = text

    async def _follow(self, session: ClientSession) -> None:
        """Wait for newer bundles until something fails."""
        while not self._source.is_ended:
            asked = FollowerRequest(have=self._source.number, wait=MAX_WAIT)
            reply = await self._exchange(session, asked)
            if reply.bundle:
                bundle = await self._source.take(_octets(reply.bundle))
                log.info("a newer bundle is in force", number=bundle.number)
            self._new_bundle.set()
        await asyncio.sleep(MAX_WAIT)

    async def _exchange(self, session: ClientSession, asked: FollowerRequest) -> FirstBoxReply:
        """Return the first box's reply; raise FollowingError where there is none."""
        reply = await self._ask_once(session, asked)
        if reply.mark and not reply.ended:  # it was started, or took many requests, since
            self._mark = reply.mark
            reply = await self._ask_once(session, asked)
        if reply.ended:
            await self._source.end()
            raise FollowingError("the pairing was ended at the first box")
        if reply.mark:
            raise FollowingError("the first box did not take a request; it is sent again")
        if not self._clock.is_wrong:
            await self._source.note_fetch(int(self._clock().wall))
        return reply

    async def _ask_once(self, session: ClientSession, asked: FollowerRequest) -> FirstBoxReply:
        following = self._source.following
        asked = asked.model_copy(update={"mark": self._mark})
        octets = asked.model_dump_json().encode()
        sealed = seal_request(following.key.secret, following.key.id, octets, make_nonce(NONCE))
        octets = unseal_reply(
            following.key.secret, sealed, await self._post(session, following.url, sealed)
        )
        try:
            return FirstBoxReply.model_validate_json(octets)
        except ValidationError:
            raise FollowingError(
                f"{following.url}: its reply is not readable here; is it of another version?"
            ) from None

    async def _post(self, session: ClientSession, url: str, sealed: bytes) -> bytes:
        from aiohttp import ClientError

        path = PATH.format(pairing=self._source.following.key.id)
        headers = {
            "Host": DESK_HOST,
            "Origin": f"https://{DESK_HOST}",  # as a page of its own would say
            "Content-Type": "application/octet-stream",
        }
        try:
            async with session.post(
                f"{url}{path}", data=sealed, headers=headers, allow_redirects=False
            ) as reply:
                body = await reply.content.read(MAX_REPLY)
                while not reply.content.at_eof() and len(body) < MAX_REPLY:
                    body += await reply.content.read(MAX_REPLY)
                if reply.status != 200:
                    raise FollowingError(_refusal(url, reply.status))
                return body
        except TimeoutError:
            raise FollowingError(f"{url}: no answer within {PATIENCE:.0f} seconds") from None
        except (ClientError, OSError) as error:
            raise FollowingError(f"{url}: it cannot be reached ({type(error).__name__})") from None

    # --- what is sent ---------------------------------------------------------------------------

    async def _send(self, session: ClientSession) -> None:
        """Send requests and minutes, and fetch what became of requests, where that is due."""
        bundle, mono = self._source.bundle, self._clock().mono
        if not self._clock.is_wrong:
            await self._source.end_when_due(int(self._clock().wall))
        if bundle is None:
            return
        appeals = await AppealStore(self._source.store).appeals(bundle.household, limit=MAX_APPEALS)
        unsent = [each for each in appeals if each.id not in self._ids]
        is_minute = mono - self._minutes_at >= MINUTES_EVERY
        is_look = bool(self._ids) and mono - self._looked_at >= ASK_AGAIN
        if not (unsent or is_minute or is_look):
            return
        asked = FollowerRequest(
            have=bundle.number,
            asks=tuple(SentAsk(id=each.id, ask=each.ask) for each in unsent),
            about=tuple(each for each in self._ids.values() if each),
            usage=tuple(map(send_usage, self._time_chores.todays_usage())) if is_minute else (),
            wants_minutes=is_minute,
        )
        reply = await self._exchange(session, asked)
        self._minutes_at = mono if is_minute else self._minutes_at
        self._looked_at = mono
        self._time_chores.merge(each.to_usage(bundle.household) for each in reply.usage)
        await self._note_answers(bundle.household, reply)

    async def _note_answers(self, household: str, reply: FirstBoxReply) -> None:
        """Store what became of requests in memory, for the pages."""
        store = AppealStore(self._source.store)
        for each in reply.filed:
            self._ids[each.id] = each.appeal
            if not each.appeal:  # refused, or opened at once: there is nothing to wait for
                await store.drop(household, each.id)
        here = {there: own for own, there in self._ids.items() if there}
        for appeal in reply.appeals:
            own = await store.appeal(household, here.get(appeal.id, ""))
            if own is not None:
                ask = replace(appeal.ask, words=own.ask.words)
                await store.replace(household, replace(appeal, id=own.id, ask=ask))

    # --- lists and facts ------------------------------------------------------------------------

    async def _fetch_files(self, session: ClientSession) -> None:
        """Fetch the files of each bundle, after its rules are in force."""

        async def fetch_part(path: str, offset: int) -> bytes:
            asked = FollowerRequest(file=FilePart(path=path, offset=offset))
            return _octets((await self._exchange(session, asked)).part)

        await self._new_bundle.wait()
        self._new_bundle.clear()
        bundle = self._source.bundle
        if bundle is None or bundle.files == self._files.complete:
            return
        try:
            if await self._files.bring(bundle.files, fetch_part):
                await self._apply_files()
        except FollowingError as error:  # the next reply of the first box has them tried again
            log.warning("the lists of the first box are not here yet", error=str(error))


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise FollowingError("the first box's reply is damaged") from None


def _refusal(url: str, status: int) -> str:
    """Return what a refusal means, for people."""
    if status == 404:
        return f"{url}: it does not know this pairing; pair this box again"
    if status == 403:
        return f"{url}: it refuses this box; is its address one that may use the first box for DNS?"
    return f"{url}: it answered with status {status}"
