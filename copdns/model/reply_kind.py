"""What replies have in common that are counted together, whoever asked."""

from __future__ import annotations

from copdns.model.build import mypyc_attr
from copdns.model.verdict import Verdict


@mypyc_attr(acyclic=True)
class ReplyKind:
    """Replies of one action, reason, category and list, with one rcode and over one transport.

    verdict: one of them.  own: all were decided by something that the household wrote itself.
    One object for all policies: it is looked at for each query, and of a thousand different ones
    the processor's cache has few.
    """

    __slots__ = ("own", "rcode", "transport", "verdict")

    def __init__(self, verdict: Verdict, rcode: int, transport: str, *, own: bool = False) -> None:
        self.verdict = verdict
        self.rcode = rcode
        self.transport = transport
        self.own = own
