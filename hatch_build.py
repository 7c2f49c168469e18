"""Compile the core of copdns into the wheel, where that can be done.

`[tool.hatch.build.targets.wheel.hooks.custom]` in pyproject.toml names the modules of the core;
docs/architecture.md says what the core is.  mypyc compiles them all as one group, and the wheel
then is for one version of Python on one kind of machine.  The sources go into it as well.

Whatever goes wrong is told, and the wheel is built without a compiled core, which works as well
and is slower.  The variable COPDNS_COMPILE decides otherwise: 0 forbids to compile, 1 demands it.
An editable install is never compiled: a compiled module would hide what is edited.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

GROUP = "copdns_core"  # the module with all the compiled code begins so
IN_C = ("copdns_octets", "copdns/dns/octets.c")  # `copdns/dns/octets.py` is the same in Python
# To compile takes about 0.8 GB.  A machine with less than this would swap for an hour.
MIN_MEMORY = 1536 << 20
ROOT = Path(__file__).resolve().parent


class CannotCompileError(Exception):
    """Why the core is not compiled."""


def obstacle() -> str:
    """Return what keeps this machine from compiling; "" for nothing."""
    chosen = os.environ.get("COPDNS_COMPILE", "")
    if chosen == "0":
        return "COPDNS_COMPILE is 0"
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler})"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "the header files of Python are missing (Debian: apt install python3-dev)"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if memory < MIN_MEMORY and chosen != "1":
        return f"this machine has only {memory >> 20} MB of memory"
    return ""


def is_demanded() -> bool:
    return os.environ.get("COPDNS_COMPILE") == "1"


def requirements() -> list[str]:
    """Return what the compiler needs: the mypy that the tests run with, and setuptools."""
    pins = (ROOT / "requirements.lock").read_text()
    version = re.search(r"^mypy==(\S+)", pins, re.MULTILINE)
    return [f"mypy=={version[1]}" if version else "mypy", "setuptools>=75"]


def compile_core(modules: Iterable[str], build: Path) -> list[Path]:
    """Compile modules of the package; return the files made, in a folder like the package's.

    build: an empty folder.  In a process of its own, since mypyc ends the one that it fails in.
    """
    shutil.copytree(ROOT / "copdns", build / "copdns", ignore=shutil.ignore_patterns("*.so"))
    command = [sys.executable, str(ROOT / "hatch_build.py"), *modules]
    done = subprocess.run(command, cwd=build, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotCompileError(f"it cannot be compiled:\n{done.stdout}{done.stderr}")
    return sorted((build / "lib").rglob("*.so"))


def run_mypyc(modules: list[str]) -> None:
    """Compile modules of the package in the working folder into the folder `lib`."""
    from mypyc.build import mypycify
    from setuptools import Extension, setup

    version = "{}.{}".format(*sys.version_info)
    extensions = mypycify(
        [
            "--config-file=",
            f"--python-version={version}",
            # What is no part of the core is seen as in an empty environment, so that the same
            # source makes the same program everywhere.
            "--ignore-missing-imports",
            "--no-site-packages",
            "--follow-imports=silent",
            *modules,
        ],
        opt_level=os.environ.get("COPDNS_COMPILE_LEVEL", "3"),
        debug_level="0",
        group_name=GROUP,
    )
    setup(
        name="copdns-core",
        ext_modules=[*extensions, Extension(IN_C[0], [IN_C[1]])],
        packages=[],
        py_modules=[],
        script_args=["build_ext", "--build-lib", "lib", "--build-temp", "temp"],
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        run_mypyc(sys.argv[1:])
    elif reason := obstacle():
        print(f"The core will not be compiled: {reason}.", file=sys.stderr)  # noqa: T201
    else:
        print("The core will be compiled; this takes a minute or two.", file=sys.stderr)  # noqa: T201
else:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class CompiledCore(BuildHookInterface[Any]):
        """Hatchling's hook: called before a wheel is packed."""

        PLUGIN_NAME = "custom"

        def dependencies(self) -> list[str]:
            return [] if obstacle() else requirements()

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            if version == "editable":
                return
            self._folder = tempfile.TemporaryDirectory(prefix="copdns-build-")
            build = Path(self._folder.name)
            try:
                if reason := obstacle():
                    raise CannotCompileError(reason)
                made = compile_core(self.config["modules"], build)
            except (CannotCompileError, OSError) as error:
                if is_demanded():
                    raise SystemExit(f"COPDNS_COMPILE is 1, but the core: {error}") from None
                self.app.display_warning(f"The core of copdns is not compiled: {error}")
                return
            self.app.display_info(f"The core of copdns is compiled: {len(made)} modules.")
            build_data["pure_python"] = False
            build_data["infer_tag"] = True
            for each in made:
                build_data["force_include"][str(each)] = str(each.relative_to(build / "lib"))

        def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
            folder = getattr(self, "_folder", None)
            if folder is not None:
                folder.cleanup()
