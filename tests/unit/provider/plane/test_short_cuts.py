"""The two files beside the tables: they say what the tables do, whatever happened before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from copdns.model.names import to_wire
from copdns.provider.plane.files import PlaneFiles
from copdns.provider.plane.rows import BY_PORT, PlaneRows, PlaneTable
from copdns.provider.plane.short_cut_layout import (
    ADDRESSES,
    ADDRESSES_FILE,
    CODE_BITS,
    ENTRY,
    FILTER_FILE,
    IN_BUCKET,
    NOBODY,
    PREFIX_OCTETS,
    PREFIXES_FILE,
    SHARED_CODE,
    SPREAD_BY,
    WORD,
    group_code,
    name_bits,
    place_prefix,
    site_bits,
)
from copdns.provider.plane.snapshot import address_key

FIRST, LAST, SIX = (address_key(each) for each in ("0.0.0.1", "255.255.255.255", "2001:db8::1"))


def subscribers(*rows: tuple[bytes, bytes], gone: tuple[bytes, ...] = ()) -> PlaneRows:
    return PlaneRows({PlaneTable.SUBSCRIBERS: rows}, {PlaneTable.SUBSCRIBERS: gone})


def code_of(folder: Path, address: bytes) -> int:
    with (folder / ADDRESSES_FILE).open("rb") as file:
        file.seek(int.from_bytes(address) * WORD)
        return int.from_bytes(file.read(WORD), "little")


def code_of_prefix(folder: Path, address: bytes) -> int:
    begins, entry = place_prefix(address)
    with (folder / PREFIXES_FILE).open("rb") as file:
        file.seek(begins * ENTRY)
        found = [int.from_bytes(file.read(ENTRY), "little") for _ in range(IN_BUCKET)]
    codes = [each for each in found if each >> CODE_BITS == entry >> CODE_BITS]
    return (codes[0] & (1 << CODE_BITS) - 1) if codes else NOBODY


def may_have(folder: Path, name: str) -> bool:
    return has_bits(folder, *name_bits(to_wire(name)))


def has_bits(folder: Path, at: int, bits: int) -> bool:
    with (folder / FILTER_FILE).open("rb") as file:
        file.seek(at * WORD)
        return int.from_bytes(file.read(WORD), "little") & bits == bits


@contextmanager
def tables(folder: Path) -> Iterator[PlaneFiles]:
    with closing(PlaneFiles(folder)) as files:
        yield files


def test_the_map_has_the_group_of_each_ipv4_address_and_takes_little_room(tmp_path: Path) -> None:
    with tables(tmp_path) as files:
        files.write(subscribers((FIRST, b"007p"), (LAST, b"1234-"), (SIX, b"007-")))
        assert code_of(tmp_path, FIRST) == group_code(b"007p") == group_code(b"007-") + 1
        assert code_of(tmp_path, LAST) == group_code(b"1234-")
        files.write(subscribers((FIRST, BY_PORT), gone=(LAST, SIX)))
        assert [code_of(tmp_path, each) for each in (FIRST, LAST)] == [SHARED_CODE, NOBODY]
    found = (tmp_path / ADDRESSES_FILE).stat()
    assert found.st_size == ADDRESSES * WORD
    assert found.st_blocks * 512 < 1_000_000


def test_a_map_that_was_left_behind_follows_the_table_at_the_next_start(tmp_path: Path) -> None:
    """As if the program had ended between the table and the map."""
    with tables(tmp_path) as files:
        files.write(subscribers((FIRST, b"001-")))
    with (tmp_path / ADDRESSES_FILE).open("r+b") as file:
        file.write(b"\x09\0\0\0" * 4)  # of addresses that nobody has, and of the first
        file.seek((ADDRESSES - 1) * WORD)
        file.write(b"\x09\0\0\0")
    with tables(tmp_path):
        others = [address_key(each) for each in ("0.0.0.0", "0.0.0.3", "255.255.255.255")]
        assert [code_of(tmp_path, each) for each in others] == [NOBODY] * 3
        assert code_of(tmp_path, FIRST) == group_code(b"001-")
    (tmp_path / ADDRESSES_FILE).unlink()
    with tables(tmp_path):
        assert code_of(tmp_path, FIRST) == group_code(b"001-")


def test_the_filter_has_every_name_of_the_tables_and_few_others(tmp_path: Path) -> None:
    def listed(*names: str) -> PlaneRows:
        rows = [(to_wire(each), b"games") for each in names]
        whole = frozenset({PlaneTable.NAMES})
        return PlaneRows({PlaneTable.NAMES: rows}, whole=whole)

    names = [f"n{each}.example" for each in range(20_000)]
    with tables(tmp_path) as files:
        exceptions = [(to_wire("blog.example"), b"1")]
        files.write(PlaneRows({PlaneTable.EXCEPTIONS: exceptions}))
        files.write(listed(*names))
        assert all(may_have(tmp_path, each) for each in (*names[::50], "blog.example"))
        files.write(listed(*names, "new.example"))
        assert may_have(tmp_path, "new.example")
        files.write(listed("new.example"))
        assert sum(may_have(tmp_path, each) for each in names[::50]) < 5
        assert all(may_have(tmp_path, each) for each in ("new.example", "blog.example"))
    (tmp_path / FILTER_FILE).unlink()
    with tables(tmp_path):
        assert all(may_have(tmp_path, each) for each in ("new.example", "blog.example"))
        assert not may_have(tmp_path, "other.example")


def test_the_filter_has_the_site_of_every_name_whatever_its_case(tmp_path: Path) -> None:
    """Longer names than it counts, too: they share bits with some others."""
    names = ["a.b.c.site.example", "top.example", f"{'n' * 60}.{'m' * 60}.example", "example"]
    with tables(tmp_path) as files:
        files.write(PlaneRows({PlaneTable.EXCEPTIONS: [(to_wire(each), b"1") for each in names]}))
    for name in ("Other.SITE.example", "site.example", "x.top.example", names[2], names[2][30:]):
        assert has_bits(tmp_path, *site_bits(to_wire(name.lower()).swapcase())), name
    assert not has_bits(tmp_path, *site_bits(to_wire("a.b.c.example")))


def test_the_map_has_the_group_of_each_ipv6_prefix_whose_bucket_has_room(tmp_path: Path) -> None:
    many = [address_key(f"2001:db8:{each:x}::/56") for each in range(5_000)]
    with tables(tmp_path) as files:
        files.write(
            subscribers((SIX, b"007p"), (FIRST, b"001-"), *((each, b"002-") for each in many))
        )
        codes = [code_of_prefix(tmp_path, each) for each in (SIX, *many[1:])]
        assert codes == [group_code(b"007p")] + [group_code(b"002-")] * 4_999
        files.write(subscribers((SIX, BY_PORT), gone=tuple(many[2:])))
        assert [code_of_prefix(tmp_path, each) for each in (SIX, *many[2:])] == [1] + [0] * 4_998
    places = [place_prefix(each)[0] for each in many]
    assert max(map(places.count, places)) <= IN_BUCKET


def test_a_prefix_without_room_is_in_the_table_alone(tmp_path: Path) -> None:
    """Five of one bucket: the inverse of the number that spreads prefixes gives them."""
    inverse = pow(SPREAD_BY, -1, 1 << 8 * PREFIX_OCTETS)
    bits = 8 * PREFIX_OCTETS
    full = sorted(
        (each * inverse % (1 << bits) << 128 - bits).to_bytes(16)
        for each in range(1, IN_BUCKET + 2)
    )
    with tables(tmp_path) as files:
        files.write(subscribers(*((each, b"002-") for each in full)))
        codes = [code_of_prefix(tmp_path, each) for each in full]
        assert codes == [group_code(b"002-")] * IN_BUCKET + [NOBODY]
        files.write(subscribers((full[-1], b"003-"), gone=(full[0],)))
    with (tmp_path / PREFIXES_FILE).open("r+b") as file:  # as if the program had ended in between
        file.write((7).to_bytes(ENTRY, "little"))
    with tables(tmp_path):
        codes = [code_of_prefix(tmp_path, each) for each in full]
        wanted = [NOBODY, *[group_code(b"002-")] * (IN_BUCKET - 1), group_code(b"003-")]
        assert codes == wanted
