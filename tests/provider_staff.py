"""People who work at a provider, and a legal order, for tests."""

from __future__ import annotations

from copdns.model.matchers import Matcher
from copdns.provider.law.chain import RegisterEntry
from copdns.provider.law.edits import DAY
from copdns.provider.law.events import OrderEntered, RegisterEvent, StaffAdded
from copdns.provider.law.register import Register, read_register
from copdns.provider.plane.snapshot import SpecialNames
from copdns.provider.staff.duties import StaffMember, StaffRole

NOW = 1_796_000_000
DOCUMENT = "d0" * 32
HELP = Matcher("help.example")
NETWORK = Matcher("time.example")
SPECIAL = SpecialNames(help=(HELP,), protected=(NETWORK,))

ADA = StaffMember("ada", "Ada", StaffRole.ADMINISTRATOR)
BO = StaffMember("bo", "Bo", StaffRole.ADMINISTRATOR)
REVIEWER = StaffMember("rev", "A reviewer", StaffRole.REVIEWER)
AUDITOR = StaffMember("aud", "An auditor", StaffRole.AUDITOR)
SUPPORT = StaffMember("sup", "Support", StaffRole.SUPPORT)
STAFF = (ADA, BO, REVIEWER, AUDITOR, SUPPORT)


def staff_added(who: StaffMember) -> StaffAdded:
    return StaffAdded(who.id, who.name, str(who.role), who.tenant, who.subject)


def order(*names: str, begins: int = NOW, ends: int = NOW + DAY, **fields: object) -> OrderEntered:
    usual = OrderEntered(
        authority="A court",
        reference="1 O 23/26",
        scope="all customers",
        country="FR",
        names=names,
        begins=begins,
        ends=ends,
        document=DOCUMENT,
        decider="rev",
        decide_within=DAY,
    )
    return OrderEntered(**{**{each: getattr(usual, each) for each in usual.__slots__}, **fields})  # type: ignore[arg-type]


class Written:
    """A register in memory, to write entries into."""

    def __init__(self) -> None:
        self.entries: list[RegisterEntry] = []
        for who in STAFF:
            self.add("console", staff_added(who), NOW - DAY)

    @property
    def register(self) -> Register:
        return read_register(self.entries)

    def add(self, by: str, event: RegisterEvent, now: int = NOW) -> int:
        """Write an entry; return its number."""
        self.entries.append(RegisterEntry(len(self.entries) + 1, now, by, event))
        return len(self.entries)
