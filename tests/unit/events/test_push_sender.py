"""Messages on their way to a push service on loopback: what it gets, and what is done with its
answers."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copdns.app.many_households.subscriber_warnings import MOST
from copdns.events import push_keys
from copdns.events.push_posting import CheckedResolver
from copdns.events.push_result import PushOutcome, PushResult, judge_status
from copdns.events.push_sender import MANY_BOUNDS, MAX_WAITING, PushDelivery, PushSender
from copdns.model.errors import PushKeyError
from copdns.model.push import PushKind, PushSubscription
from copdns.settings.config import PushSettings
from tests.push_service import (
    HOST,
    FixedResolver,
    PushService,
    ReadingBrowser,
    to_loopback,
    write_certificate,
)

NOW = 1_795_636_800.0
AT_HOME = PushSettings(hosts=(HOST,), private_addresses=True)


class Stored:
    """The browsers that are stored: one, until it is gone or revoked."""

    def __init__(self) -> None:
        self.there = True

    async def is_current(self, subscription: PushSubscription) -> bool:
        return self.there

    async def forget(self, subscription: PushSubscription) -> None:
        self.there = False


class Pauses:
    """Time that goes by only in pauses.  revokes: the pause after which the browser is gone."""

    def __init__(self, stored: Stored) -> None:
        self.now = 0.0
        self.waited: list[float] = []
        self.revokes: int | None = None
        self._stored = stored

    async def __call__(self, seconds: float) -> None:
        self.now += seconds
        self.waited.append(seconds)
        if len(self.waited) == self.revokes:
            self._stored.there = False


class Case:
    def __init__(self, folder: Path, service: PushService) -> None:
        self.service = service
        self.stored = Stored()
        self.pauses = Pauses(self.stored)
        self.settings = AT_HOME
        self.sender = PushSender(
            folder,
            lambda: self.settings,
            self.stored,
            lambda: NOW,
            lambda: self.pauses.now,
            self.pauses,
            to_loopback,
        )
        self.reader = ReadingBrowser(f"{service.url}/p/1")
        self.subscription = PushSubscription(
            *("home", "k7", self.reader.browser, frozenset(PushKind), "en", "Firefox", int(NOW)),
            account="ada",
        )

    async def deliver(self, ttl: int = 86_400) -> PushOutcome:
        text = '{"title": "A child has sent a request"}'
        return await self.sender.deliver(
            PushDelivery(self.subscription, PushKind.REQUESTS, text, ttl, "high")
        )


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with keys, which take a process to make."""
    folder = tmp_path_factory.mktemp("keys")
    push_keys.ready_keys(folder)
    return folder


@pytest.fixture
async def case(keyed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    certificate = tmp_path / "push.pem"
    tls = write_certificate(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with PushService().running(tls) as service:
        yield Case(keyed, service)


async def test_the_browser_reads_it_and_the_service_is_told_how_urgent_it_is(
    case: Case, keyed: Path
) -> None:
    assert await case.deliver(ttl=900) is PushOutcome.SENT
    sent = case.service.got.get_nowait()
    assert case.reader.read(sent.body) == {"title": "A child has sent a request"}
    assert sent.path == "/p/1"
    assert sent.headers["Content-Encoding"] == "aes128gcm"
    assert (sent.headers["TTL"], sent.headers["Urgency"]) == ("900", "high")
    assert len(sent.headers["Topic"]) == 32
    assert "requests" not in sent.headers["Topic"]
    keys = push_keys.read_keys(keyed)
    assert keys is not None
    assert sent.headers["Authorization"].startswith("vapid t=")
    assert sent.headers["Authorization"].endswith(f"k={keys.public}")
    assert "Cookie" not in sent.headers


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_wants_no_more_is_forgotten(case: Case, status: int) -> None:
    case.service.statuses = [status]
    assert await case.deliver() is PushOutcome.GONE
    assert not case.stored.there
    assert case.service.got.qsize() == 1


async def test_a_busy_service_is_tried_again_later_and_later(case: Case) -> None:
    case.service.statuses = [429, 503, 500]
    assert await case.deliver() is PushOutcome.SENT
    assert case.pauses.waited == [2.0, 10.0, 60.0]
    ttls = [case.service.got.get_nowait().headers["TTL"] for _ in range(4)]
    assert ttls == ["86400", "86398", "86388", "86328"]
    assert case.stored.there


async def test_a_service_that_says_how_long_to_wait_is_heard(case: Case) -> None:
    case.service.statuses, case.service.headers = [429], {"Retry-After": "120"}
    assert await case.deliver() is PushOutcome.SENT
    assert case.pauses.waited == [120.0]


async def test_what_no_longer_matters_is_not_sent(case: Case) -> None:
    case.service.statuses = [503] * 9
    assert await case.deliver(ttl=60) is PushOutcome.AGAIN
    assert case.service.got.qsize() == 3  # at once, after 2 s and after 12 s; not after 72 s


async def test_who_logs_out_between_two_attempts_gets_nothing_more(case: Case) -> None:
    case.service.statuses, case.pauses.revokes = [503] * 9, 1
    await case.deliver()
    assert case.service.got.qsize() == 1


async def test_a_refusal_and_a_redirect_are_not_repeated_or_followed(case: Case) -> None:
    for status in (400, 403, 413, 307):
        case.service.statuses = [status]
        case.service.headers = {"Location": f"{case.service.url}/elsewhere"}
        assert await case.deliver() is PushOutcome.REFUSED
    assert {case.service.got.get_nowait().path for _ in range(4)} == {"/p/1"}
    assert case.stored.there


async def test_a_test_is_sent_once_and_says_what_went_wrong(case: Case) -> None:
    test = PushDelivery(case.subscription, "test", '{"title": "A test"}', 60, "high")
    assert await case.sender.try_once(test) == PushResult(PushOutcome.SENT)
    assert case.reader.read(case.service.got.get_nowait().body) == {"title": "A test"}
    case.service.statuses = [500]
    result = await case.sender.try_once(test)
    assert result.why == "the push service answered with status 500"
    assert case.pauses.waited == []
    case.service.statuses = [410]
    assert (await case.sender.try_once(test)).outcome is PushOutcome.GONE
    assert not case.stored.there


async def test_the_settings_are_asked_each_time(case: Case) -> None:
    for changed in (
        {"enabled": False},
        {"private_addresses": False},
        {"hosts": ("fcm.googleapis.com",)},
    ):
        case.settings = AT_HOME.model_copy(update=changed)
        assert await case.deliver() is PushOutcome.REFUSED
    assert case.service.got.empty()


async def test_a_service_that_is_not_there_is_tried_again(case: Case) -> None:
    browser = case.reader.browser._replace(endpoint=f"https://{HOST}:9/p/1")
    case.subscription = case.subscription._replace(browser=browser)
    assert await case.deliver(ttl=5) is PushOutcome.AGAIN
    assert case.pauses.waited == [2.0, 10.0]


async def test_a_browser_with_keys_that_are_none_is_left_alone(case: Case) -> None:
    bad = case.reader.browser._replace(p256dh="BA" + "A" * 85)
    case.subscription = case.subscription._replace(browser=bad)
    assert await case.deliver() is PushOutcome.REFUSED
    assert case.service.got.empty()


async def test_no_more_wait_than_memory_allows(case: Case) -> None:
    delivery = PushDelivery(case.subscription, PushKind.DEVICES, "{}", 60, "low")
    for _ in range(MAX_WAITING + 3):
        case.sender.send(delivery)
    assert case.sender.dropped == 3


async def test_for_many_households_so_many_wait_as_have_a_bedtime_at_the_same_minute(
    case: Case, keyed: Path
) -> None:
    sender = PushSender(
        keyed,
        lambda: AT_HOME,
        case.stored,
        lambda: NOW,
        lambda: case.pauses.now,
        bounds=MANY_BOUNDS,
    )
    for _ in range(4 * MOST):
        sender.send(PushDelivery(case.subscription, PushKind.WARNINGS, "{}", 60, "low"))
    assert sender.dropped == 0


@pytest.mark.parametrize("private", [False, True])
async def test_a_name_that_leads_into_the_house_is_not_used(*, private: bool) -> None:
    async def may_be_used(*addresses: str) -> bool:
        resolver = CheckedResolver(FixedResolver(*addresses), private=private)
        try:
            return bool(await resolver.resolve(HOST, 443))
        except OSError:
            return False

    assert await may_be_used("1.1.1.1")
    for addresses in (("1.1.1.1", "192.168.1.1"), ("fd00::1",)):
        assert await may_be_used(*addresses) is private, "the setting is for these"
    for addresses in (("127.0.0.1",), ("192.168.1.1", "::1"), ("169.254.169.254",)):
        assert not await may_be_used(*addresses)


async def test_no_setting_lets_anything_be_sent_to_this_machine(case: Case, keyed: Path) -> None:
    usual = PushSender(
        keyed,
        lambda: AT_HOME,
        case.stored,
        lambda: NOW,
        lambda: case.pauses.now,
        case.pauses,
    )
    home = case.subscription.browser
    for endpoint in (
        case.service.url.replace("https:", "http:"),
        case.service.url.replace(HOST, "127.0.0.1"),
        case.service.url.replace(HOST, "[::1]"),
    ):
        case.settings = AT_HOME.model_copy(update={"hosts": (HOST, "127.0.0.1", "::1")})
        case.subscription = case.subscription._replace(browser=home._replace(endpoint=endpoint))
        assert await case.deliver() is PushOutcome.REFUSED
        test = PushDelivery(case.subscription, "test", "{}", 60, "high")
        assert (await usual.try_once(test)).outcome is PushOutcome.REFUSED
    assert case.service.got.empty()


@pytest.mark.parametrize(
    ("status", "retry_after", "result"),
    [
        (201, "", PushResult(PushOutcome.SENT)),
        (410, "", PushResult(PushOutcome.GONE)),
        (429, "30", PushResult(PushOutcome.AGAIN, 30, "the push service answered with status 429")),
        (429, "Sat, 28 Nov 2026 01:00:00 GMT", PushResult(PushOutcome.AGAIN, 0, "")),
        (503, "999999", PushResult(PushOutcome.AGAIN, 3600, "")),
        (301, "", PushResult(PushOutcome.REFUSED, 0, "")),
    ],
)
def test_each_status_has_its_meaning(status: int, retry_after: str, result: PushResult) -> None:
    found = judge_status(status, retry_after)
    assert (found.outcome, found.wait) == (result.outcome, result.wait)


def test_keys_are_made_once_and_only_their_owner_reads_them(keyed: Path) -> None:
    before = push_keys.read_keys(keyed)
    assert push_keys.ready_keys(keyed) == before
    assert stat.S_IMODE((keyed / push_keys.FILE).stat().st_mode) == 0o600


def test_a_damaged_file_is_told_and_not_replaced(tmp_path: Path) -> None:
    for text in ("", "{}", '{"private": "AA", "public": "AA"}'):
        (tmp_path / push_keys.FILE).write_text(text)
        with pytest.raises(PushKeyError, match="ask for notices again"):
            push_keys.ready_keys(tmp_path)
        assert (tmp_path / push_keys.FILE).read_text() == text


def test_a_folder_without_keys_has_none(tmp_path: Path) -> None:
    assert push_keys.read_keys(tmp_path) is None
