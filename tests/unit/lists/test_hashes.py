"""Tests of hashed lists: both forms are read, a name is found, and nothing readable is shown."""

from __future__ import annotations

import json
from hashlib import md5, sha256

import pytest

from copdns.lists.hashes import HashedNames, hashed_names, hashes_from, read_hashes
from copdns.lists.parse import ListFormat, SkipReason, parse_list
from copdns.model.errors import ListError


def v1(*names: str, salt: str = "pepper") -> str:
    lines = [sha256(f"{salt}{name}".encode()).hexdigest() for name in names]
    return "\n".join([f"hashed-v1 {salt}", "# a remark", *lines])


def bpjm(name: str, path: str = "", depth: str = "0", gap: str = "") -> str:
    return gap.join([md5(name.encode()).hexdigest(), md5(path.encode()).hexdigest(), depth])


def test_an_entry_covers_its_name_and_all_below_it() -> None:
    found = parse_list(v1("bad.example", "worse.example"), ListFormat.HASHED).special.hashes
    assert len(found) == 2
    for name, covered in {
        "bad.example": True,
        "www.bad.example": True,
        "a.b.worse.example": True,
        "nobad.example": False,
        "example": False,
        "": False,
    }.items():
        assert found.covers(name) is covered, name


def test_another_salt_finds_nothing() -> None:
    found, _ = read_hashes(v1("bad.example"))
    other, _ = read_hashes(v1("bad.example", salt="other"))
    assert found.octets != other.octets
    mixed = HashedNames(found.algorithm, "other", found.octets)
    assert not mixed.covers("bad.example")


@pytest.mark.parametrize("gap", ["", " ", ";", "\t"])
def test_the_german_list_is_read_and_its_pages_are_left_out(gap: str) -> None:
    text = "\n".join(
        [
            bpjm("bad.example", gap=gap),
            bpjm("site.example", "page", "1", gap),
            bpjm("blog.example", "deep/page", "2", gap),
        ]
    )
    found, unused = read_hashes(text)
    assert (len(found), unused) == (1, {SkipReason.PAGE: 2})
    assert found.covers("www.bad.example")
    assert not found.covers("site.example")


def test_what_cannot_be_read_is_counted_and_what_is_no_such_list_is_refused() -> None:
    found, unused = read_hashes(v1("bad.example", "bad.example") + "\nnot a hash")
    assert (len(found), unused) == (1, {SkipReason.SYNTAX: 1, SkipReason.DUPLICATE: 1})
    with pytest.raises(ListError):
        read_hashes("bad.example\nworse.example")
    assert read_hashes("") == (HashedNames("md5"), {})


def test_a_hash_is_taken_out_and_written_without_loss() -> None:
    for algorithm in ("sha256", "md5"):
        names = hashed_names(["bad.example", "good.example"], "s", algorithm)
        assert hashes_from(json.loads(json.dumps(names.as_json()))) == names or algorithm == "md5"
        kept = hashes_from(json.loads(json.dumps(names.without(["good.example"]).as_json())))
        assert kept.covers("bad.example")
        assert not kept.covers("good.example")
