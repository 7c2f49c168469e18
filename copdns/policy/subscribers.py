"""The households of a provider: compiled when they are asked for, equal ones only once.

A million households that chose one preset have one compiled policy: what a policy is made from
(`PolicyParts`) is its key, without who it is for.  Each household then has a label of it, which
says whose it is and costs some hundred octets.  Those with rules of their own share all steps but
those with the rules, as people of one household do.  Pure: `now` is seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import fields, replace
from itertools import islice
from math import inf
from typing import Any, Final, NamedTuple, TypeVar

from copdns.lists.catalogue import Catalogue
from copdns.model.bypass_signs import UNHEARD
from copdns.model.household import Household, Profile
from copdns.model.verdict import AnswerDefaults, Requestor
from copdns.policy.build_snapshot import PolicyParts, context_inputs, policy_parts
from copdns.policy.context import HouseholdContext, build_context
from copdns.policy.decide import Policy, refusing_policy
from copdns.policy.guest import guest_key
from copdns.policy.order import help_policy
from copdns.policy.shared_steps import StepSharing
from copdns.policy.snapshot import NOT_HERE, Client, DeviceIndex, HeardDevices
from copdns.time.plan import NO_INPUTS, PolicyInputs

MAX_SHARED: Final = 1024  # policies of one context that others may be equal to
MAX_SHELVES: Final = 256  # contexts: households with names of their own have one each
MAX_WANTED: Final = 10_000  # households that are not here; who asks for more asks again
MISSING_FOR: Final = 60.0  # seconds until a household that is not there is looked for again

FREED_AT_ONCE: Final = 20_000  # households whose policies of former lists are let go by one step
MAX_PARTS: Final = 50_000  # of households, that others may be equal to

ModelT = TypeVar("ModelT", Household, Profile)
KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
NOBODYS: Final = "\0"  # in place of a household's id, which cannot have it: who has none
_NOBODY: Final = Client("", "", refusing_policy(), True, UNHEARD)


class CompiledHousehold(NamedTuple):
    """A household, ready to be asked.

    unknown: the client of its unknown devices.  devices: its others; None where it has none.
    compile_at: seconds since the epoch, when its policies are others.
    """

    unknown: Client
    devices: DeviceIndex | None
    compile_at: float

    def identify(self, requestor: Requestor) -> Client:
        """Return the client that a requestor is, who is surely of this household.

        By a token or by the MAC address that a forwarder told; addresses are those of its router.
        """
        if self.devices is None:
            return self.unknown
        found = self.devices.by_token.get(requestor.token) if requestor.token else None
        return found or self.devices.by_mac.get(requestor.mac, self.unknown)


_NOT_COMPILED: Final = CompiledHousehold(_NOBODY, None, 0.0)


class SharedPolicies:
    """Compiles households by the same lists; what is equal in several of them is made once.

    nobody: the client of whom no household is known: help names pass, all else is refused.
    """

    def __init__(self, library: Catalogue, defaults: AnswerDefaults) -> None:
        self.library = library
        self.defaults = defaults
        nobodys = build_context(library, defaults, Household("", ""))
        self.nobody = Client("", "", help_policy(nobodys), True, UNHEARD)
        self._shelves: dict[Hashable, _Shelf] = {}  # in the order of their last use

    def compile(
        self,
        household: Household,
        now: float,
        inputs: PolicyInputs = NO_INPUTS,
        heard: HeardDevices | None = None,
    ) -> CompiledHousehold:
        """Return a household as it is at a moment.  heard: the marks of its devices."""
        shelf = self._shelf_of(household, inputs)
        due: set[float] = set()
        policies: dict[tuple[str, str], tuple[object, Policy]] = {}
        for who, parts, moments in policy_parts(household, shelf.context, now, inputs):
            policy = shelf.find(parts, now)
            label = replace(policy, household=household.id, profile=parts.profile.id)
            policies[household.id, who] = ((), label)
            due |= moments
        unknown = Client(household.id, "", policies[household.id, guest_key(household)][1])
        devices = None
        if household.devices:
            devices = DeviceIndex((household,), policies, unknown, heard or {}, now)
        compile_at = min((each for each in due if each > now), default=inf)
        return CompiledHousehold(unknown, devices, compile_at)

    def refuse(self, now: float) -> CompiledHousehold:
        """Return what a household is for a while that cannot be compiled."""
        return CompiledHousehold(self.nobody, None, now + MISSING_FOR)

    @property
    def count(self) -> int:
        """How many policies are shared."""
        return sum(len(each.policies) for each in self._shelves.values())

    def _shelf_of(self, household: Household, inputs: PolicyInputs) -> _Shelf:
        key = context_inputs(household), inputs.log_only
        shelf = self._shelves.pop(key, None)
        if shelf is None:
            other = next((each.context for each in self._shelves.values()), None)
            nobodys = replace(household, id="")
            shelf = _Shelf(
                build_context(self.library, self.defaults, nobodys, other, inputs.log_only)
            )
        self._shelves[key] = shelf
        _drop_oldest(self._shelves, MAX_SHELVES)
        return shelf


class _Shelf:
    """The policies that are made from one context.

    policies: by what they are made from, in the order of their last use.
    """

    def __init__(self, context: HouseholdContext) -> None:
        self.context = context
        self.policies: dict[PolicyParts, Policy] = {}
        self._sharing = StepSharing(joins_groups=False)
        # What is local to the house may be for one person, so then it matters who it is.
        self._has_names = bool(context.local.by_list or context.local.splits)

    def find(self, parts: PolicyParts, now: float) -> Policy:
        """Return the policy of these parts; equal ones without rules of their own share one.

        now: seconds since 1970.
        """
        if parts.rules:
            if self._sharing.count > MAX_SHARED:
                self._sharing = StepSharing(joins_groups=False)
            policy = parts.build(self.context, now)
            return self._sharing.share_steps(parts.profile, policy, parts.askers)
        profile = parts.profile
        if not self._has_names:
            profile = replace(profile, id="", tags=frozenset())
        key = parts._replace(profile=profile)
        policy = self.policies.pop(key) if key in self.policies else parts.build(self.context, now)
        self.policies[key] = policy
        _drop_oldest(self.policies, MAX_SHARED)
        return policy


def _drop_oldest(there: dict[KeyT, ValueT], most: int) -> None:
    while len(there) > most:
        del there[next(iter(there))]


class LeanHouseholds:
    """Lets households have the parts in common that are equal, so that a million costs little."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, Hashable] = {}

    def share(self, household: Household) -> Household:
        """Return an equal household, made of parts that others have too."""
        profiles = tuple(self._share_fields(each) for each in household.profiles)
        return self._share_fields(replace(household, profiles=profiles))

    def _share_fields(self, value: ModelT) -> ModelT:
        own = {each.name: getattr(value, each.name) for each in fields(value)}
        found: dict[str, Any] = {
            name: self._parts.setdefault(part, part)
            for name, part in own.items()
            if isinstance(part, tuple | frozenset)
        }
        while len(self._parts) > MAX_PARTS:
            del self._parts[next(iter(self._parts))]
        return replace(value, **found)


class _Kept:
    """A household that is here.

    household: None where there is none, as far as is known.  until: seconds since the epoch, from
    which what is stored of it may be something else, such as the end of a guest's hours; -inf once
    it is known to be.
    generation: of the lists that it was compiled with.
    """

    __slots__ = ("compiled", "generation", "household", "until")

    def __init__(self, household: Household | None, until: float) -> None:
        self.household = household
        self.until = until
        self.generation = -1
        self.compiled = _NOT_COMPILED


class Subscribers:
    """The households in use, in bounded memory, and those that somebody waits for.

    most: households that are kept; of more, those that were not asked for longest go.
    compile_household: returns one as it is now.
    on_wanted: called where one is asked for that is not here.
    nobody: the client of whom there is no household, and of `NOBODYS`.
    """

    def __init__(
        self, most: int, compile_household: Callable[[Household], CompiledHousehold]
    ) -> None:
        self.most = most
        self.on_wanted: Callable[[], None] = lambda: None
        self.nobody = _NOBODY
        self._compile = compile_household
        self._lean = LeanHouseholds()
        self._generation = 0
        self._now = 0.0
        self._can_read = True
        self._here: dict[str, _Kept] = {}  # in the order of their last use
        self._wanted: dict[str, None] = {}
        self._with_old: list[_Kept] = []  # those whose policies may still be of former lists

    def __len__(self) -> int:
        return len(self._here)

    def follow(self, now: float, *, can_read: bool) -> None:
        """Decide by another moment from now on, seconds since the epoch.

        can_read: False while nothing can be read, so that nothing is read again.
        """
        self._now, self._can_read = now, can_read
        for each in self._with_old[-FREED_AT_ONCE:]:
            if each.generation != self._generation:
                each.compiled = _NOT_COMPILED
        del self._with_old[-FREED_AT_ONCE:]

    def has(self, household: str) -> bool:
        """Tell whether a household would be answered now, by what is known of it."""
        kept = self._here.get(household)
        return kept is not None and not self._must_be_read(kept)

    def _must_be_read(self, kept: _Kept) -> bool:
        return kept.until <= self._now and self._can_read

    def identify(self, requestor: Requestor) -> Client:
        """Return the client that a requestor of a household is; NOT_HERE while that is not here.

        One that has to be read again stays meanwhile: it answers if nothing can be read after all.
        """
        household = requestor.household
        if household == NOBODYS:
            return self.nobody
        kept = self._here.pop(household, None)
        if kept is not None:
            self._here[household] = kept
        if kept is None or self._must_be_read(kept):
            if len(self._wanted) < MAX_WANTED:
                self._wanted[household] = None
            self.on_wanted()
            return NOT_HERE
        if kept.household is None:
            return self.nobody
        return self._compile_if_due(kept, kept.household).identify(requestor)

    def _compile_if_due(self, kept: _Kept, household: Household) -> CompiledHousehold:
        if kept.compiled.compile_at <= self._now or kept.generation != self._generation:
            kept.compiled = self._compile(household)
            kept.generation = self._generation
        return kept.compiled

    def policies_of(self, household: str) -> Iterator[Policy]:
        """Yield the policies that a household has now; none of one that is not here."""
        kept = self._here.get(household)
        if kept is not None and kept.household is not None:
            compiled = self._compile_if_due(kept, kept.household)
            yield compiled.unknown.policy
            if compiled.devices is not None:
                known = {**compiled.devices.by_token, **compiled.devices.by_mac}
                yield from {each.policy for each in known.values()}

    def compile_again(self, household: str) -> None:
        """Compile one household at its next question: its minutes of use are others."""
        kept = self._here.get(household)
        if kept is not None:
            kept.generation = -1

    def take_wanted(self, limit: int) -> tuple[str, ...]:
        """Return households that were asked for since, and are not here."""
        taken = tuple(islice(self._wanted, limit))
        for each in taken:
            del self._wanted[each]
        return taken

    def put(self, household: Household, until: float = inf) -> None:
        """Keep a household, in place of what was known of it.

        until: seconds since the epoch, when it has to be read again.
        """
        self._put(household.id, _Kept(self._lean.share(household), until))

    def put_missing(self, household: str, now: float) -> None:
        """Remember for a while that there is no such household: who comes from it is refused."""
        self._put(household, _Kept(None, now + MISSING_FOR))

    def _put(self, household: str, kept: _Kept) -> None:
        self._here.pop(household, None)
        self._here[household] = kept
        _drop_oldest(self._here, self.most)

    def postpone(self, household: str, until: float) -> bool:
        """Let a household that could not be read answer as before for a while; False if none is.

        until: seconds since the epoch.
        """
        kept = self._here.get(household)
        if kept is None or kept.household is None:
            return False
        kept.until = until
        return True

    def drop(self, household: str, revision: int) -> None:
        """Have a household that moved read again, unless what is here is that revision."""
        kept = self._here.get(household)
        if kept is None:
            return
        if kept.household is None:
            del self._here[household]
        elif kept.household.revision != revision:
            kept.until = -inf

    def drop_all(self) -> None:
        """Have each household that is here read again."""
        for each in tuple(self._here):
            self.drop(each, -1)

    def compile_anew(self) -> None:
        """Compile each household again at its next question: the lists are others.

        `follow` lets go of what those have that nobody asks for: it would keep former lists alive.
        """
        self._generation += 1
        self._with_old = list(self._here.values())
