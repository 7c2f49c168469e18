"""What copies octets: in Python, and the same in C where there is a compiler."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copdns.dns import octets
from copdns.dns.mmsg import BATCH_SIZE, Batch
from copdns.model.build import is_compiled

SOURCE = Path(octets.__file__).with_suffix(".c")
PAYLOAD = 40
by_both = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class InPython:
    """What the module in C has, as it is without it."""

    split_batch = staticmethod(octets.split_in_python)
    fill_batch = staticmethod(octets.fill_in_python)
    mix_case = staticmethod(octets.mix_in_python)


def in_c(folder: Path) -> ModuleType:
    """Return the module in C, compiled from its source."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    include = sysconfig.get_path("include")
    if shutil.which(compiler) is None or not Path(include, "Python.h").exists():
        pytest.skip("needs a C compiler and the header files of Python")
    made = folder / "copdns_octets.so"
    warnings = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
    options = ("-O2", "-shared", "-fPIC", *warnings, f"-I{include}")
    subprocess.run([compiler, *options, SOURCE, "-o", made], check=True)
    found = importlib.util.spec_from_file_location("copdns_octets", made)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made_in_c(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return in_c(tmp_path_factory.mktemp("in_c"))


@pytest.fixture(scope="module", params=["in Python", "in C"])
def made(request: pytest.FixtureRequest) -> Any:
    return InPython if request.param == "in Python" else request.getfixturevalue("made_in_c")


def fill(made: Any, batch: Batch, datagrams: Any) -> None:
    places = batch.SEND_AT, batch.SEND_STEP
    made.fill_batch(batch.raw, batch.to_send, datagrams, batch.step, batch.address, *places)


def split(made: Any, batch: Batch, count: int) -> Any:
    places = batch.RECEIVED_AT, batch.RECEIVED_STEP
    return made.split_batch(batch.raw, batch.received, count, batch.step, batch.address, *places)


@by_both
@given(
    address=st.sampled_from([0, 16, 28]),
    messages=st.lists(st.binary(max_size=PAYLOAD), max_size=BATCH_SIZE),
)
def test_what_is_put_into_a_batch_comes_out_of_it(
    made: Any, address: int, messages: list[bytes]
) -> None:
    batch = Batch(PAYLOAD, address)
    datagrams = [bytes(range(address)) + message for message in messages]
    fill(made, batch, datagrams)
    for place, message in enumerate(messages):
        assert batch.to_send[place * batch.SEND_STEP + batch.SEND_AT] == len(message)
        batch.received[place * batch.RECEIVED_STEP + batch.RECEIVED_AT] = len(message)
    assert split(made, batch, len(datagrams)) == datagrams


@by_both
@given(name=st.binary(max_size=255), chance=st.binary(min_size=255, max_size=259))
def test_letters_in_lower_case_are_mixed_and_nothing_else_is(
    made: Any, name: bytes, chance: bytes
) -> None:
    flips = [octet & 0x20 for octet in chance]
    letters = [bool(97 <= octet <= 122) for octet in name]
    mixed = [
        octet ^ flip if is_letter else octet
        for octet, flip, is_letter in zip(name, flips, letters, strict=False)
    ]
    assert made.mix_case(name, chance) == bytes(mixed)


def fill_as(made: Any, batch: Batch, address: int, first: int, stride: int, step: int = 0) -> None:
    datagrams = [b"\xff" * 16] * 2
    made.fill_batch(batch.raw, batch.to_send, datagrams, step or batch.step, address, first, stride)


def split_as(made: Any, batch: Batch, address: int, first: int, stride: int, step: int = 0) -> Any:
    step = step or batch.step
    return made.split_batch(batch.raw, batch.received, 2, step, address, first, stride)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda made, batch: fill(made, batch, [b"\xff" * 16] * (BATCH_SIZE + 1)),
        lambda made, batch: fill(made, batch, [b"\xff" * (batch.step + 1)]),
        lambda made, batch: fill(made, batch, [b"\xff" * 15]),
        lambda made, batch: fill(made, batch, ["x" * 20]),
        lambda made, batch: fill(made, batch, (b"\xff" * 16,)),
        lambda made, batch: fill_as(made, batch, 16, 2, 2),
        lambda made, batch: fill_as(made, batch, 16, -1, 2),
        lambda made, batch: fill_as(made, batch, 16, 0, len(batch.to_send)),
        lambda made, batch: fill_as(made, batch, -1, 0, 2),
        lambda made, batch: fill_as(made, batch, 16, 0, 2, len(batch.raw)),
        lambda made, batch: fill_as(made, batch, 16, 0, 2, -1),
        lambda made, batch: split(made, batch, BATCH_SIZE + 1),
        lambda made, batch: split(made, batch, -1),
        lambda made, batch: split_as(made, batch, 16, 2, 2),
        lambda made, batch: split_as(made, batch, 16, -1, 2),
        lambda made, batch: split_as(made, batch, 16, 0, len(batch.received)),
        lambda made, batch: split_as(made, batch, -1, 0, 2),
        lambda made, batch: split_as(made, batch, batch.step + 1, 0, 2),
        lambda made, batch: split_as(made, batch, 16, 0, 2, len(batch.raw)),
        lambda made, batch: made.mix_case(b"abc", b"ab"),
        lambda made, batch: made.mix_case("abc", b"abc"),
        lambda made, batch: made.mix_case(b"abc"),
    ],
)
def test_in_c_what_cannot_be_is_an_error_and_touches_no_other_memory(
    made_in_c: ModuleType, wrong: Callable[[Any, Batch], object]
) -> None:
    batch = Batch(PAYLOAD, 16)
    size, around = len(batch.raw), bytearray(b"\xee" * (3 * len(batch.raw)))
    batch.raw = memoryview(around)[size : 2 * size]
    with pytest.raises((TypeError, ValueError)):
        wrong(made_in_c, batch)
    assert bytes(around) == b"\xee" * (3 * size)


@pytest.mark.parametrize("size", [PAYLOAD + 1, 2**31, 2**32 - 1])
def test_a_size_that_the_kernel_cannot_give_is_an_error_in_c(
    made_in_c: ModuleType, size: int
) -> None:
    batch = Batch(PAYLOAD, 16)
    batch.received[batch.RECEIVED_AT] = size
    with pytest.raises(ValueError, match="does not fit"):
        split(made_in_c, batch, 1)


def test_where_the_core_is_compiled_they_are_those_in_c() -> None:
    used = octets.split_batch, octets.fill_batch, octets.mix_case
    made = "copdns_octets" if is_compiled() else octets.__name__
    assert {each.__module__ for each in used} == {made}
