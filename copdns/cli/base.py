"""What all commands share: the options before the command, and types of arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copdns.model.addresses import (
    device_address,
    domain,
    mac_address,
    slug,
)
from copdns.model.encrypted_addresses import split_address
from copdns.model.errors import ConfigError, CopdnsError
from copdns.model.household import Band
from copdns.model.local_records import local_domain, local_value
from copdns.model.matchers import parse_matcher, parse_target

if TYPE_CHECKING:
    from copdns.settings.config import Settings

DEFAULT_FILE = Path("/etc/copdns/copdns.yaml")

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Options:
    """The options before the command.  file: the settings; data: the folder of the databases.

    None: not given.
    """

    file: Path | None = None
    data: Path | None = None

    @property
    def path(self) -> Path:
        return self.file or DEFAULT_FILE

    def settings(self) -> Settings:
        """Read the settings file and the environment; raise ConfigError.

        Without a file: the defaults, and what the environment changes.
        """
        from copdns.settings.config import (
            load,  # pydantic takes longer to import than many commands run
        )

        missing = self.file is None and not DEFAULT_FILE.exists()
        text = "" if missing else read_text(self.path, "name the settings file with -c FILE")
        settings = load(text, str(self.path), os.environ)
        if self.data is not None:
            settings = settings.model_copy(update={"data": str(self.data.absolute())})
        return settings

    def settings_to_run(self) -> Settings:
        """Read them as `settings` does; raise ConfigError also for those that only commands take.

        On a machine that reads households on demand, a command has to be told which one it is
        about.  A program that answers must not be: who comes without an id would be its guest.
        """
        settings = self.settings()
        provider = settings.provider
        if provider.database and provider.kept and provider.household:
            raise ConfigError(
                f"{self.path}: provider.household: whoever asks without the id of a household "
                "would get this one's rules, since provider.kept reads them on demand; leave it "
                "empty, and give COPDNS_PROVIDER__HOUSEHOLD to commands alone"
            )
        return settings

    def settings_or_defaults(self) -> tuple[Settings, ConfigError | None]:
        """Return the settings; where they are wrong and `data` is given, the defaults with that.

        The error says what is wrong.  Raises ConfigError without `data`.
        """
        try:
            return self.settings(), None
        except ConfigError as error:
            if self.data is None:
                raise
            from copdns.settings.config import load

            settings = load("", str(self.path), {})
            return settings.model_copy(update={"data": str(self.data.absolute())}), error


pass_options = click.make_pass_decorator(Options)


def read_text(path: Path, remedy: str, *, newline: str | None = None) -> str:
    """Return the text of a file; raise ConfigError, with `remedy` where it cannot be read.

    newline: as that of `open`; "": ends of lines stay as they are, for what has a checksum.
    """
    try:
        with path.open(encoding="utf-8", newline=newline) as file:
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(not_text_message(path)) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; {remedy}") from error


def not_text_message(where: object) -> str:
    """Return what is said of a file that is not UTF-8.  where: its path, or where it came from."""
    return f"{where}: not a text file; save it as UTF-8"


class ParsedParam(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """An argument that a function parses; its ValueError or CopdnsError is the usage error."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        """Return the value of an argument; end with what is wrong with it."""
        try:
            return self._parse(value)
        except (ValueError, CopdnsError) as error:
            self.fail(str(error), param, ctx)


# A matcher, target or address stays text: the edits in `household/` parse it again.
ID = ParsedParam("id", slug)
NAME = ParsedParam("name", domain)
LOCAL_NAME = ParsedParam("name", local_domain)
LOCAL_VALUE = ParsedParam("address", local_value)
DEVICE_ADDRESS = ParsedParam("address", device_address)
MAC = ParsedParam("MAC address", mac_address)
UPSTREAM = ParsedParam("address", split_address)
MATCHER = ParsedParam("name", lambda text: str(parse_matcher(text)))
TARGET = ParsedParam("target", lambda text: str(parse_target(text)))
BAND = click.Choice([str(band) for band in Band])


def json_option(command: AnyCommand) -> AnyCommand:
    """Give a command --json, as its argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(
        command
    )
