"""What dnsdist counts of its blocks: how many by layer, and how many by category of a list.

The counters are dnsdist's own metrics, without a subscriber, a household, a name or a time.  Names
that leave no trace (help names, hosts below them) are in none.  Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from copdns.provider.plane.snapshot import Layer

UPTIME: Final = "uptime"  # in dnsdist's file: for how many seconds it runs
_LAYER, _CATEGORY = "copdns-blocks-", "copdns-category-"
# What dnsdist takes as a metric, with `_` spelled as `--`, since categories have that.
_NAME: Final = re.compile(r"[a-z0-9_-]+", re.ASCII)
_UNDERSCORE: Final = "--"


class BlockCount(NamedTuple):
    """What a number of blocks is about: a layer, or the category of a list of families."""

    is_layer: bool
    label: str


def block_metrics(categories: Iterable[str]) -> dict[str, BlockCount]:
    """Return the metrics of dnsdist, each with what it counts.

    A category whose name dnsdist does not take is counted in its layer alone.
    """
    layers = {_LAYER + layer: BlockCount(True, str(layer)) for layer in Layer}
    return layers | {
        _CATEGORY + each.replace("_", _UNDERSCORE): BlockCount(False, each)
        for each in sorted(categories)
        if _NAME.fullmatch(each)
    }


def read_blocks(counters: Mapping[str, int]) -> dict[BlockCount, int]:
    """Return the numbers of blocks among dnsdist's counters."""
    found: dict[BlockCount, int] = {}
    for name, number in counters.items():
        for is_layer, begins in ((True, _LAYER), (False, _CATEGORY)):
            if name.startswith(begins):
                label = name.removeprefix(begins).replace(_UNDERSCORE, "_")
                found[BlockCount(is_layer, label)] = number
    return found


def blocks_since(
    now: Mapping[BlockCount, int], before: Mapping[BlockCount, int]
) -> dict[BlockCount, int]:
    """Return what was counted after `before`; all of it where dnsdist was started meanwhile."""
    if any(now.get(each, 0) < number for each, number in before.items()):
        before = {}
    return {
        each: number - before.get(each, 0)
        for each, number in now.items()
        if number > before.get(each, 0)
    }


def count_blocks() -> str:
    """Return the functions `prepare_count` and `count_block` of the road, in Lua.

    The first is given a verdict once, the second one that blocks, each time.
    """
    return f"""\
  -- Blocks are counted by layer, and by category where a list of families has it; nothing that
  -- leaves no trace is.
  local count = dq_.dnsdist_ffi_metric_inc
  local function prepare_count(verdict)
    if verdict.is_untraced or not blocks[verdict.done] then return end
    verdict.metric = "{_LAYER}" .. verdict.done
    if verdict.done ~= "{Layer.FAMILY}" then return end
    local about = verdict.about:match("^category: (%S+)")
    if about and about:match("^[a-z0-9_-]+$") then
      verdict.category = "{_CATEGORY}" .. about:gsub("_", "{_UNDERSCORE}")
    end
  end
  local function count_block(verdict)
    if not verdict.metric then return end
    count(verdict.metric, #verdict.metric)
    if verdict.category then count(verdict.category, #verdict.category) end
  end"""
