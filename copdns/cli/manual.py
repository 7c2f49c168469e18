"""Write the manual pages and the completion of shells: `python -m copdns.cli.manual SHARE`.

For packages, and for whoever installs without one.  Below SHARE (/usr/share, /usr/local/share) each
file stands where man and the shells look: man/man1, bash-completion/completions, zsh/site-functions
and fish/vendor_completions.d.  The date of the pages is today's, or that of the variable
SOURCE_DATE_EPOCH, so that the same sources make the same files.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from click.shell_completion import get_completion_class

from copdns import __version__
from copdns.cli import main
from copdns.cli.man_pages import man_pages

_FILE_BY_SHELL = {
    "bash": "bash-completion/completions/copdns",
    # Named as the function in it: under another name the second completion of a shell is empty.
    "zsh": "zsh/site-functions/_copdns_completion",
    "fish": "fish/vendor_completions.d/copdns.fish",
}


def write_manual(share: Path, made: datetime) -> None:
    """Write all files below a folder."""
    for name, text in man_pages(main, "copdns", __version__, made.date()).items():
        _write(share / "man" / "man1" / f"{name}.1", text)
    for shell, path in _FILE_BY_SHELL.items():
        _write(share / path, completion(shell))


def completion(shell: str) -> str:
    """Return the script by which a shell (bash, zsh or fish) completes commands of copdns."""
    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(main, {}, "copdns", "_COPDNS_COMPLETE")
    # Not source(), which starts bash to see its version.
    return (script.source_template % script.source_vars()).strip() + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("One folder is needed, such as /usr/local/share.")
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    write_manual(Path(sys.argv[1]), datetime.fromtimestamp(seconds, UTC))
