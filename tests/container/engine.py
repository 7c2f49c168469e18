"""What an engine of containers does, as far as buildah, chroot and a network namespace play it."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import find_tool


class Engine:
    """Images and one container, all in a folder.

    root: the container's files, once it is open.
    """

    root: Path

    def __init__(self, buildah: str, folder: Path) -> None:
        self._words = [buildah, "--root", str(folder / "images"), "--runroot", str(folder / "run")]
        self._folder = folder
        self._name = f"copdns-{os.getpid()}"

    def _say(self, *words: str | Path) -> str:
        return subprocess.run(
            [*self._words, *words], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    def import_base(self, image: str, root: Path) -> None:
        """Make an image of a folder, and delete the folder."""
        container = self._say("from", "scratch")
        self._say("copy", "--quiet", container, root, "/")
        self._say("commit", "--quiet", container, image)
        self._say("rm", container)
        shutil.rmtree(root)

    def build(self, sources: Path, image: str, **arguments: str) -> None:
        given = [word for pair in arguments.items() for word in ("--build-arg", "=".join(pair))]
        options = [word for each in _limits() for word in ("--ulimit", each)]
        options += ["--isolation", "chroot", "--format", "docker", "--pull=never", "--quiet"]
        self._say("build", *options, *given, "--tag", image, sources)

    def settings_of(self, image: str) -> Mapping[str, Any]:
        """Return what the image says about how it is run, as Docker writes it."""
        said = json.loads(self._say("inspect", "--type", "image", image))
        settings: Mapping[str, Any] = said["Docker"]["config"]
        return settings

    def open_container(self, image: str) -> None:
        self.root = Path(self._say("mount", self._say("from", "--pull=never", image)))

    def remove_all(self) -> None:
        """Delete container and images, and let go of the folder that buildah mounted."""
        for words in (
            [*self._words, "rm", "--all"],
            [*self._words, "rmi", "--all", "--force"],
            ["umount", str(self._folder / "images" / "overlay")],
        ):
            subprocess.run(words, check=False, capture_output=True)

    @contextmanager
    def ready(self) -> Iterator[None]:
        """Mount the files as they are run: read-only, with a volume and a /tmp, and its own network
        with loopback alone, so that its ports are free."""
        data = self._folder / "volume"
        shutil.copytree(self.root / "var/lib/copdns", data)
        shutil.copystat(self.root / "var/lib/copdns", data)
        owner = (self.root / "var/lib/copdns").stat()
        os.chown(data, owner.st_uid, owner.st_gid)
        with ExitStack() as stack:
            for words, undo in (
                (["mount", "--bind", self.root, self.root], ["umount", self.root]),
                (["mount", "-o", "remount,bind,ro", self.root], []),
                *self._inner("var/lib/copdns", ["--bind", data]),
                *self._inner("tmp", ["-t", "tmpfs", "tmpfs"]),
                *self._inner("proc", ["-t", "proc", "proc"]),
                *self._inner("dev", ["--rbind", "/dev"]),
                (["ip", "netns", "add", self._name], ["ip", "netns", "delete", self._name]),
                (["ip", "-n", self._name, "link", "set", "lo", "up"], []),
            ):
                subprocess.run([find_tool(str(words[0])), *words[1:]], check=True)
                if undo:
                    stack.callback(subprocess.run, undo, check=False)
            yield

    def _inner(
        self, path: str, what: Sequence[str | Path]
    ) -> Iterator[tuple[list[Any], list[Any]]]:
        yield ["mount", *what, self.root / path], ["umount", "--lazy", self.root / path]

    def command(self, *words: str) -> list[str]:
        """Return how something is run as the engine runs it: as the image's user, who may do no
        more than the image was given."""
        return [
            *("ip", "netns", "exec", self._name, "chroot", str(self.root), "setpriv"),
            *("--reuid=10053", "--regid=10053", "--clear-groups", "--inh-caps=-all"),
            "--bounding-set=-all,+net_bind_service",
            *words,
        ]


def _limits() -> Iterator[str]:
    """Yield limits that this machine allows: what buildah would set may be above them."""
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        _, most = resource.getrlimit(number)
        if most != resource.RLIM_INFINITY:
            yield f"{name}={most}:{most}"
