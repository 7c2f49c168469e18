"""Tests of the process that compiles: it does its job, says why not, and ends with its parent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from copdns.list_files import index_file
from copdns.list_files.compiling import CompileJob, memory_limit
from copdns.lists.source import ListSource

COMPILE = (sys.executable, "-m", "copdns.list_files.compiling")


@pytest.fixture
def job(tmp_path: Path) -> CompileJob:
    (tmp_path / "games.txt").write_text("toys.example\nchildline.org.uk\n")
    source = ListSource(
        "mine", "games", "domains", "subtree", path=str(tmp_path / "games.txt"), title="Mine"
    )
    return CompileJob(str(tmp_path / "key.index"), "key", (source,), memory_limit(100))


def started(job: CompileJob) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(COMPILE, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(job.line())
    process.stdin.flush()
    return process


def test_a_job_is_done(job: CompileJob) -> None:
    with started(job) as process:
        assert process.wait(60) == 0
    found = index_file.read(Path(job.path))
    assert found.key == "key"
    assert found.index.find("www.toys.example")
    status = found.statuses[-1]
    assert (status.info.slug, status.info.title, status.used_count) == ("mine", "Mine", 1)
    assert status.unused == {"protected": 1}


def test_a_folder_that_is_gone_is_told_in_a_line(job: CompileJob, tmp_path: Path) -> None:
    lost = CompileJob(str(tmp_path / "gone" / "key.index"), "key", job.sources, job.memory)
    with started(lost) as process:
        assert process.stderr is not None
        assert process.stderr.read().decode() == f"{tmp_path / 'gone'}: No such file or directory\n"
        assert process.wait(60) == 1


def test_it_ends_when_its_parent_does_and_leaves_nothing(job: CompileJob, tmp_path: Path) -> None:
    text = "\n".join(f"{number}.example" for number in range(2_000_000))
    (tmp_path / "games.txt").write_text(text)
    with started(job) as process:
        assert process.stdin is not None
        process.stdin.close()  # which is how a parent ends, however it does
        assert process.wait(60) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["games.txt"]
