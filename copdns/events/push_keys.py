"""The keys by which push services know this copdns: made once, and kept in a file of their own.

`push-key.json` in the data folder is readable for its owner only, and in no backup: whoever has it
can send to the browsers that asked, if they know where.  With other keys a browser has to be asked
again, so they are never renewed.  All functions block.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from copdns.events.key_files import run_process, write_private
from copdns.model.errors import KeyProcessError, PushKeyError
from copdns.model.push import PushKeys, read_octets

FILE = "push-key.json"
# The program with the library (`push_seal.py`).
SEAL = (sys.executable, "-m", "copdns.events.push_seal")


def ready_keys(folder: Path) -> PushKeys:
    """Return the keys of a data folder; make them at the first call.  Raises PushKeyError."""
    found = read_keys(folder)
    if found is not None:
        return found
    keys = _make()
    path = folder / FILE
    try:
        write_private(path, json.dumps(keys._asdict()).encode("ascii"))
    except OSError as error:
        raise PushKeyError(f"{path}: {error.strerror}") from error
    return keys


def read_keys(folder: Path) -> PushKeys | None:
    """Return the keys of a data folder; None where there are none.

    Raises PushKeyError for a file that cannot be read: new ones would end every subscription.
    """
    path = folder / FILE
    try:
        values = json.loads(path.read_text(encoding="ascii"))
        keys = PushKeys(str(values["private"]), str(values["public"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PushKeyError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise PushKeyError(
            f"{path} is damaged; delete it, and ask for notices again in each browser"
        ) from error
    if len(read_octets(keys.private)) != 32 or len(read_octets(keys.public)) != 65:
        raise PushKeyError(
            f"{path} is damaged; delete it, and ask for notices again in each browser"
        )
    return keys


def _make() -> PushKeys:
    try:
        values = json.loads(run_process(SEAL, json.dumps({"make": True})))
    except KeyProcessError as error:
        raise PushKeyError(f"the keys for notices could not be made: {error}") from error
    return PushKeys(values["private"], values["public"])
