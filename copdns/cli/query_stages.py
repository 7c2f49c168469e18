"""The way of a query as `copdns query` goes it, each step with its time.

The same functions as for a device: decide, ask an upstream, judge what it says.  A device's query
may be faster, since the running copdns has answers in its cache.  Nothing is recorded.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from time import perf_counter
from typing import NamedTuple

from copdns.app.upstreams_in_force import UpstreamsInForce, chosen_by
from copdns.cli.check_week import ClientSelector
from copdns.cli.home import Home
from copdns.cli.output import count_text
from copdns.dns.connections import CLEAR_ZONE, HostLookup
from copdns.dns.message import UpstreamResponse
from copdns.dns.query import CacheKey
from copdns.dns.upstream import UpstreamClient
from copdns.model.errors import NOTIMP, NXDOMAIN, REFUSED, SERVFAIL
from copdns.model.names import display
from copdns.model.reasons import text_of
from copdns.model.verdict import Action, Reason, Verdict
from copdns.policy.decide import decide_query
from copdns.policy.judge import judge_response
from copdns.policy.response_key import is_time_server, response_key
from copdns.settings.config import are_encrypted

EXIT_CODES = {
    Action.ALLOW: 0,
    Action.LOCAL: 0,
    Action.BLOCK: 3,
    Action.REFUSE: 3,
    Action.REWRITE: 4,
}
_NO_ANSWER = 1
_DECIDED = {
    Action.ALLOW: "allowed",
    Action.LOCAL: "answered by this machine",
    Action.BLOCK: "blocked",
    Action.REFUSE: "refused",
    Action.REWRITE: "answered with the data of another domain",
}
_RCODES = {
    0: "no error",
    SERVFAIL: "SERVFAIL",
    NXDOMAIN: "no such domain",
    NOTIMP: "NOTIMP",
    REFUSED: "REFUSED",
}


class Stage(NamedTuple):
    """One step of the way.  seconds: how long it took.  text: what came of it."""

    name: str
    seconds: float
    text: str


def go(home: Home, name: str, qtype: int, profile: str) -> tuple[list[Stage], int]:
    """Go the way of a query; return what came of each step, and the exit code of `copdns query`."""
    stages: list[Stage] = []
    return stages, _go(home, name, qtype, profile, stages)


def _go(home: Home, name: str, qtype: int, profile: str, stages: list[Stage]) -> int:
    began = perf_counter()
    snapshot = home.make_snapshot()
    policy = ClientSelector(home.household.id, profile).find_client(snapshot).policy
    stages.append(Stage("rules", perf_counter() - began, "read, with the lists"))
    began = perf_counter()
    verdict = decide_query(policy, name, qtype, home.now)
    text = f"{_DECIDED[verdict.action]} at step {verdict.step}: {text_of(verdict)}"
    stages.append(Stage("decision", perf_counter() - began, text))
    if verdict.action not in (Action.ALLOW, Action.REWRITE):
        return EXIT_CODES[verdict.action]
    key = response_key(CacheKey(name, qtype, do=False, cd=False), policy, verdict)
    if is_time_server(verdict):  # as `server/answer.py` asks for it
        servers = home.settings.upstreams.usual_servers(chosen_by((home.household,)))
        in_clear = are_encrypted(servers)
        key = key._replace(cd=True, zone=CLEAR_ZONE if in_clear else key.zone)
    began = perf_counter()
    answer, text = asyncio.run(_ask(home, key, verdict))
    stages.append(Stage("upstream", perf_counter() - began, text))
    if answer is None:
        return _NO_ANSWER
    began = perf_counter()
    inside = judge_response(policy, home.rebinding, name, verdict, answer.facts, home.now, qtype)
    blocks = inside is not None and inside.reason is not Reason.UPSTREAM_FILTERED
    text = "nothing in it is blocked" if inside is None else text_of(inside)
    if inside is not None and inside.via:
        text += f" ({inside.via})"
    stages.append(Stage("judgement", perf_counter() - began, text))
    if not blocks:
        stages.append(Stage("answer", 0.0, _answer_text(answer)))
    return EXIT_CODES[Action.BLOCK if blocks else verdict.action]


async def _ask(home: Home, key: CacheKey, verdict: Verdict) -> tuple[UpstreamResponse | None, str]:
    """Ask the upstreams of the settings; return the response, and which of them said what."""
    upstreams = UpstreamClient(asyncio.get_running_loop())
    try:
        await UpstreamsInForce(upstreams, lambda: home.settings).apply([home.household])
        response: asyncio.Future[UpstreamResponse | None] = (
            asyncio.get_running_loop().create_future()
        )
        asked = HostLookup(key.qname, key.qtype, response.set_result, key.zone)
        asked.key = key  # it says more: that nobody is to check signatures, for one
        asked.protected = verdict.reason is Reason.PROTECTED
        asked.untraced = verdict.is_untraced
        upstreams.ask(asked)
        answer = await response
    finally:
        upstreams.close()
    label = asked.upstream.label if asked.upstream is not None else ""
    if answer is None:
        return None, "no upstream answered" if label else "there is no upstream"
    records = count_text(answer.section_counts[0], "record")
    return answer, f"upstream {label}: {_rcode_text(answer.rcode)}, {records}"


def _answer_text(answer: UpstreamResponse) -> str:
    """Return the names and addresses in a response; what else is in it is not shown."""
    found = [str(ip_address(packed)) for packed in answer.facts.addresses]
    pointed = [display(each) for each in answer.facts.targets]
    if pointed or found:
        return ", ".join([*pointed, *found])
    return "no names and no addresses" if not answer.rcode else _rcode_text(answer.rcode)


def _rcode_text(rcode: int) -> str:
    return _RCODES.get(rcode, f"rcode {rcode}")
