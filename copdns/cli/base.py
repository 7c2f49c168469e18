"""What every command begins with: the settings that it was started with, and its arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from copdns.model.addresses import (
    address,
    device_address,
    domain,
    mac_address,
    slug,
    upstream_address,
)
from copdns.model.errors import ConfigError, CopdnsError
from copdns.model.household import Band
from copdns.model.matchers import parse_matcher, parse_target

if TYPE_CHECKING:
    from copdns.config import Settings

DEFAULT_FILE = Path("/etc/copdns/copdns.yaml")

AnyCommand = TypeVar("AnyCommand", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the command.  file: the settings; data: the folder of the databases."""

    file: Path | None = None
    data: Path | None = None

    @property
    def path(self) -> Path:
        return self.file or DEFAULT_FILE

    def settings(self) -> Settings:
        """Return the settings as they are now; raise ConfigError.

        Without a file the defaults hold, changed by the environment.
        """
        from copdns.config import load  # pydantic takes longer to import than many commands run

        missing = self.file is None and not DEFAULT_FILE.exists()
        text = "" if missing else read_text(self.path, "name the settings file with -c FILE")
        settings = load(text, str(self.path), os.environ)
        if self.data is not None:
            settings = settings.model_copy(update={"data": str(self.data.absolute())})
        return settings


pass_options = click.make_pass_decorator(Options)


def read_text(path: Path, remedy: str) -> str:
    """Return what a file that someone wrote holds; raise ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(no_text(path)) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; {remedy}") from error


def no_text(where: object) -> str:
    return f"{where}: not a text file; save it as UTF-8"


class Read(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """An argument that is read by a function which says in words what is wrong with it."""

    def __init__(self, name: str, read: Callable[[str], object]) -> None:
        self.name = name
        self._read = read

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> object:
        try:
            return self._read(value)
        except (ValueError, CopdnsError) as error:
            self.fail(str(error), param, ctx)


# What is written in a rule or for a device stays text: the functions of `household` read it.
ID = Read("id", slug)
NAME = Read("name", domain)
ADDRESS = Read("address", lambda text: str(address(text)))
DEVICE_ADDRESS = Read("address", device_address)
MAC = Read("MAC address", mac_address)
UPSTREAM = Read("address", lambda text: str(upstream_address(text)))
MATCHER = Read("name", lambda text: str(parse_matcher(text)))
TARGET = Read("target", lambda text: str(parse_target(text)))
BAND = click.Choice([str(band) for band in Band])


def json_option(command: AnyCommand) -> AnyCommand:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(
        command
    )
