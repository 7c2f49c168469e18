"""Everything we raise on purpose, and what each means on the wire and on the command line.

Anything else that escapes is a bug and is logged as one.
"""

from __future__ import annotations

from typing import Final

from copdns.model.sentences import Sentence, UserError, Value

FORMERR: Final = 1
SERVFAIL: Final = 2
NXDOMAIN: Final = 3
NOTIMP: Final = 4
REFUSED: Final = 5
BADVERS: Final = 16


class CopdnsError(Exception):
    """Base of what we raise on purpose; its text says where, and what to do."""


class TextError(UserError, ValueError):
    """A text that somebody wrote means nothing where it stands."""


class NameTextError(UserError, CopdnsError):
    """A text is no domain name: too long, an empty label, or characters that IDNA refuses."""


class WireError(CopdnsError):
    """The bytes are no DNS message that we can answer as asked.

    rcode: what a query gets for it.
    """

    def __init__(self, text: str, rcode: int = FORMERR) -> None:
        super().__init__(text)
        self.rcode = rcode


class NotAQueryError(WireError):
    """A response, or too short for a header: silence, since answering could start a loop."""


class ProxyError(CopdnsError):
    """A PROXY header is malformed, or of a kind that no resolver sends."""


class ConfigError(CopdnsError):
    """The settings or the household file are wrong; the text lists every place at once."""


class HouseholdError(UserError, CopdnsError):
    """A change to the household cannot be made as asked: unknown profile, taken name ..."""


class FollowingError(CopdnsError):
    """Another box cannot be followed as asked: a wrong key, a bundle that is refused ..."""


class MoveInError(HouseholdError):
    """A file of another program cannot be read; the text says what to give instead."""


class CalendarError(UserError, CopdnsError):
    """A calendar file cannot be read, or is too large; the text says where in it."""


class UnknownCodeError(HouseholdError):
    """No ticket has this code."""


class TooManyTriesError(HouseholdError):
    """Too many codes were not known; the text says for how long to wait.

    until: when the next one is tried, in seconds since the epoch.
    """

    def __init__(self, said: str, *, until: int, **values: Value) -> None:
        super().__init__(Sentence(said, values))
        self.until = until


class PrivacyError(HouseholdError):
    """The privacy rules do not allow this kind of log for this profile at this moment."""


class AppealError(UserError, CopdnsError):
    """An appeal cannot go this way: answered already, too many open, nothing to open ..."""


class AppealLimitError(AppealError):
    """Too many appeals for now; `until` is when the next is possible, None: not by time alone."""

    def __init__(self, text: str, until: int | None = None, **values: Value) -> None:
        super().__init__(Sentence(text, values))
        self.until = until


class AccountError(UserError, CopdnsError):
    """An account, session or token cannot be made or changed as asked."""


class FactsError(CopdnsError):
    """A facts bundle is not taken: its signature, its number or what is in it is not right."""


class BusyError(CopdnsError):
    """It is done for somebody else at the moment; a little later it can be asked for again."""


class CertificateError(CopdnsError):
    """The certificate of the pages, or its key, cannot be made or read."""


class KeyProcessError(CopdnsError):
    """The process that makes keys or reads certificates failed; the text is what it said."""


class PushKeyError(CopdnsError):
    """The keys for notices to browsers cannot be made or read."""


class StoreError(CopdnsError):
    """A database cannot be opened, read or written."""


class StoreAwayError(StoreError):
    """A database on another machine cannot be reached now; what was read from it still counts."""


class OddRowError(StoreError):
    """A row of a database is none that copdns writes; all else of the database can be read."""


class DoubtfulDatabaseError(StoreError):
    """A database is not what was stored last: it is damaged, older, or another one."""


class DamagedHouseholdError(StoreError):
    """`household.db` cannot be used, and there is no copy of it.  why: for people."""

    def __init__(self, path: object, why: str) -> None:
        super().__init__(
            f"{path} is damaged ({why}) and has no copy; stop copdns and restore a backup"
        )
        self.why = why


class HelpAnswersError(CopdnsError):
    """The file of answers for help names is damaged, or cannot be read or written."""


class FirewallError(CopdnsError):
    """Rules for a firewall could not be checked, or the file that belongs to them not be used."""


class DhcpError(CopdnsError):
    """What is to be handed out in the router's place cannot work, or could not be checked."""


class BackupError(CopdnsError):
    """A backup cannot be written, or is none that can be restored."""


class ListError(CopdnsError):
    """A list, or a data file about lists, cannot be used; the text names file and line."""


class FetchError(CopdnsError):
    """A list could not be fetched, or what came is no copy of it that can be used."""


class PlaneError(CopdnsError):
    """The files that dnsdist reads cannot be read or written."""


class RegisterError(UserError, CopdnsError):
    """A provider's register does not take what somebody wants to write, or was changed."""


class RolloutError(UserError, CopdnsError):
    """A rollout cannot be what somebody wants it to be."""


class SignOnError(UserError, CopdnsError):
    """Somebody of a provider's staff cannot be logged in by the single sign-on."""


class UpstreamError(CopdnsError):
    """An upstream gave no usable answer."""


class UpstreamTimeoutError(UpstreamError):
    """No answer came before the deadline."""


class UpstreamUnreachableError(UpstreamError):
    """The address refused us, or there is no route to it."""


class NotRunningError(CopdnsError):
    """No running copdns does what a command asks for."""


class StartError(CopdnsError):
    """A part of the program is missing, or cannot be read."""


class ListenError(CopdnsError):
    """An address and port cannot be listened on."""


EXIT_FAILED: Final = 1
EXIT_CONFIG: Final = 78


def exit_code(error: CopdnsError) -> int:
    """Return the exit code of the command line for an error (sysexits.h: 78 is EX_CONFIG)."""
    return EXIT_CONFIG if isinstance(error, ConfigError) else EXIT_FAILED
