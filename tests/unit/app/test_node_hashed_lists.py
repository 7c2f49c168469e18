"""Lists of hashes of a node: files that may be missing, damaged or new, beside all other lists."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from copdns.app.node.lists import NodeLists
from copdns.model.errors import ListError
from copdns.provider.law.hashed_list import MOST_SEALED, hash_name, seal_list
from copdns.provider.law.keys import HASHED_LISTS, KEYS_FOLDER, ProviderKeys
from copdns.settings.config import Settings
from tests.hashed_lists import write_hashed
from tests.provider_staff import NOW

SALT = bytes(range(16))


def write(path: Path, *names: str) -> None:
    path.write_text(write_hashed(names, "A hotline", "7", NOW, SALT))


def test_a_file_that_cannot_be_read_holds_up_nothing_and_keeps_what_it_had(tmp_path: Path) -> None:
    path = tmp_path / "list.hashed"
    node = {"hashed_lists": [str(path)]}
    lists = NodeLists(Settings.model_validate({"data": str(tmp_path), "node": node}))

    def read() -> tuple[int, ...]:
        return tuple(len(each) for each in lists.read()[0].hashed)

    with capture_logs() as logs:
        assert read() == ()
    assert [each["event"] for each in logs] == ["a list of hashes cannot be read"]
    before = lists.key()
    write(path, "bad.example", "worse.example")
    assert lists.key() != before, "it is seen"
    assert read() == (2,)
    path.write_text("format: hashed-v1\n")
    with capture_logs() as logs:
        assert read() == (2,)
    assert "not a line of a hashed-v1 header" in logs[0]["error"]
    write(path, "bad.example")
    assert read() == (1,)


def test_a_list_of_another_file_under_its_name_is_seen_and_its_checksum_is_the_files(
    tmp_path: Path,
) -> None:
    path, other = tmp_path / "list.hashed", tmp_path / "other"
    lists = NodeLists(
        Settings.model_validate({"data": str(tmp_path), "node": {"hashed_lists": [str(path)]}})
    )
    write(path, "bad.example")
    write(other, "new.example")
    at = path.stat()
    os.utime(other, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert at.st_size == other.stat().st_size
    before = lists.key()
    other.replace(path)
    assert lists.key() != before
    (found,) = lists.read()[0].hashed
    assert found.checksum == sha256(path.read_bytes()).hexdigest()


def test_public_suffixes_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "list.hashed"
    lists = NodeLists(
        Settings.model_validate({"data": str(tmp_path), "node": {"hashed_lists": [str(path)]}})
    )
    write(path, "com", "co.uk", "github.io", "\u4e2d\u56fd", "bad.example", "site.github.io")
    with capture_logs() as logs:
        (found,) = lists.read()[0].hashed
    assert (len(found), logs[0]["many"]) == (2, 4)
    assert set(found.each_hash()) == {
        hash_name(each, SALT) for each in ("bad.example", "site.github.io")
    }
    assert found.checksum == sha256(path.read_bytes()).hexdigest()


def test_ends_of_lines_of_another_system_a_huge_file_and_a_pipe_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.hashed"
    lists = NodeLists(
        Settings.model_validate({"data": str(tmp_path), "node": {"hashed_lists": [str(path)]}})
    )

    def refused() -> str:
        with capture_logs() as logs:
            assert lists.read()[0].hashed == ()
        return str(logs[0]["error"])

    write(path, "bad.example")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "7: not a line of a hashed-v1 header" in refused()
    with path.open("wb") as file:
        file.truncate(MOST_SEALED + 1)
    assert f"at most {MOST_SEALED} octets" in refused()
    path.unlink()
    os.mkfifo(path)
    assert "no such file" in refused()


def test_a_sealed_list_is_read_with_the_key_alone_and_has_the_checksum_of_its_text(
    tmp_path: Path,
) -> None:
    plain, path = tmp_path / "list.hashed", tmp_path / "list.sealed"
    write(plain, "bad.example", "worse.example")
    text = plain.read_text()
    keys = ProviderKeys(tmp_path / KEYS_FOLDER)
    keys.make()

    def seal(each: str) -> str:
        return keys.seal(each, HASHED_LISTS)

    path.write_text(seal_list(text, "list", seal))
    digest = hash_name("bad.example", SALT).hex()
    assert digest in text
    assert not [each for each in (digest, SALT.hex(), "A hotline") if each in path.read_text()]
    settings = {"data": str(tmp_path), "node": {"hashed_lists": [str(path)]}}
    lists = NodeLists(Settings.model_validate(settings))
    (found,) = lists.read()[0].hashed
    assert (len(found), found.checksum) == (2, sha256(text.encode()).hexdigest())
    for refused in (path.read_text(), "format: hashed-v1\n"):
        with pytest.raises(ListError, match="hashed-v1 header"):
            seal_list(refused, "list", seal)
    (tmp_path / KEYS_FOLDER / "seal.key").write_bytes(b"o" * 32)
    other = NodeLists(Settings.model_validate(settings))
    with capture_logs() as logs:
        assert other.read()[0].hashed == ()
    assert "another key" in logs[0]["error"]
