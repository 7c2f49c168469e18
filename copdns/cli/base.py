"""What every command begins with: the settings that it was started with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copdns.errors import ConfigError

if TYPE_CHECKING:
    from copdns.config import Settings

DEFAULT_FILE = Path("/etc/copdns/copdns.yaml")


@dataclass(frozen=True, slots=True)
class Options:
    """What stands before the command.  file: the settings; data: the folder of the databases."""

    file: Path | None = None
    data: Path | None = None

    def settings(self) -> Settings:
        """Return the settings as they are now; raise ConfigError.

        Without a file the defaults hold, changed by the environment.
        """
        from copdns.config import load  # pydantic takes longer to import than many commands run

        settings = load(self._text(), str(self.file or DEFAULT_FILE), os.environ)
        if self.data is not None:
            settings = settings.model_copy(update={"data": str(self.data.absolute())})
        return settings

    def _text(self) -> str:
        if self.file is None and not DEFAULT_FILE.exists():
            return ""
        path = self.file or DEFAULT_FILE
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ConfigError(f"{path}: is no text; save it as UTF-8") from None
        except OSError as error:
            raise ConfigError(
                f"{path}: {error.strerror}; name the settings file with -c FILE"
            ) from error


pass_options = click.make_pass_decorator(Options)
