"""Copy the octets of many datagrams with one call, and mix the case of letters.

In Python, a datagram at a time, this is half of what a reply from the packet cache costs outside
the kernel.  Where the core is compiled, `octets.c` does the same (the module `copdns_octets`).  Not
compiled with the rest of the core, so that the functions here are either.  Pure.
"""

from __future__ import annotations

from array import array
from typing import Final

try:
    import copdns_octets  # type: ignore[import-untyped,import-not-found,unused-ignore]
except ImportError:  # the core is not compiled
    copdns_octets = None

_LETTERS: Final = bytes(0x20 if 97 <= octet <= 122 else 0 for octet in range(256))


def split_in_python(
    raw: memoryview, sizes: memoryview, count: int, step: int, address: int, first: int, stride: int
) -> list[bytes]:
    """Return the datagrams in `raw`, each with `address` octets before its message.

    Each begins `step` octets after the one before.  sizes: uint32, of which that of the first
    message is at `first`, and each other one `stride` after the one before.
    """
    found: list[bytes] = []
    at = 0
    for size in sizes[first::stride][:count].tolist():  # at once: each look takes as long as this
        found.append(raw[at : at + address + size].tobytes())
        at += step
    return found


def fill_in_python(
    raw: memoryview,
    sizes: memoryview,
    datagrams: list[bytes],
    step: int,
    address: int,
    first: int,
    stride: int,
) -> None:
    """Put datagrams into `raw`, and the octets of their messages into `sizes`, which are size_t.

    The rest is as for `split_in_python`.
    """
    at = 0
    for datagram in datagrams:
        raw[at : at + len(datagram)] = datagram
        at += step
    octets = [len(datagram) - address for datagram in datagrams]
    sizes[first::stride][: len(octets)] = array(sizes.format, octets)  # at once, as above


def mix_in_python(name: bytes, chance: bytes) -> bytes:
    """Return a name with the case of its letters drawn by lot.

    name: in wire form and lower case; chance: at least as many octets.
    """
    size = len(name)
    flips = int.from_bytes(name.translate(_LETTERS)) & int.from_bytes(chance[:size])
    return (int.from_bytes(name) ^ flips).to_bytes(size)


split_batch = split_in_python if copdns_octets is None else copdns_octets.split_batch
fill_batch = fill_in_python if copdns_octets is None else copdns_octets.fill_batch
mix_case = mix_in_python if copdns_octets is None else copdns_octets.mix_case
