"""Look for octets that break what reads them, led by the code that they reach.

`python -m tests.fuzz.guided FOLDER SECONDS [TARGET...]` (`make fuzz`) runs each target for so long,
in a process of its own, with atheris.  What reached new code is written to FOLDER, one file each,
and what broke something, took longer than a second or 512 MB to FOLDER/TARGET-crash-...; the exit
code says whether there was any.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import atheris  # in a virtual environment of its own: requirements-fuzz.lock

with atheris.instrument_imports(include=["copdns"]):
    from tests.fuzz.targets import TARGETS, corpus, run

SLOWEST = 1  # seconds for one input, at most
MEMORY = 512  # MB


def fuzz(target: str, folder: Path, seconds: int) -> None:
    """Run one target; atheris ends the process."""
    found = folder / target
    found.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(corpus(target)):
        (found / f"known-{number}").write_bytes(octets)
    options = (f"-max_total_time={seconds}", f"-timeout={SLOWEST}", f"-rss_limit_mb={MEMORY}")
    quiet = ("-verbosity=0", "-print_final_stats=1", f"-artifact_prefix={folder}/{target}-")
    atheris.Setup(
        ["guided", *options, *quiet, "-max_len=4096", str(found)],
        lambda octets: run(target, octets),
    )
    atheris.Fuzz()


def main() -> None:
    folder, seconds, *chosen = sys.argv[1:]
    if len(chosen) == 1:
        fuzz(chosen[0], Path(folder), int(seconds))
    broken = []
    for target in chosen or TARGETS:
        print(f"{target}: for {seconds} s", flush=True)
        command = [sys.executable, "-m", "tests.fuzz.guided", folder, seconds, target]
        if subprocess.run(command, check=False).returncode:
            broken.append(target)
    print("broken:" if broken else "nothing was broken", *broken)
    sys.exit(len(broken))


if __name__ == "__main__":
    main()
