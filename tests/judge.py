"""Compare how rules of ad blockers are read with another engine: `python -m tests.judge FOLDER`.

FOLDER has `node_modules/@adguard/tsurlfilter` (2.2.23 was compared), and Node is there.  Each of
300 rules is held alone against probe names by both; the rules come from the data folder beside the
project.  It prints each difference and the sums.  No test runs it: it needs a foreign program.
The other engine's `DnsEngine` knows names only: rules for types, people and answers are left out.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from copdns.lists.index import DictIndex, ListInfo, ListKind
from copdns.lists.parse import ListFormat, parse_list
from copdns.model.errors import ListError
from copdns.policy.list_rules import ListRules

RULES = 300
LISTS = (
    "block/adguard-sdns-2019/filter.txt.gz",
    "block/ph00lt0/adblock-browser-mix.txt.gz",
    "block/hagezi-2022/whitelist-referral.adblock.txt",
    "block/hagezi-2022/nosafesearch.adblock.txt",
)
ENGINE = """
const t = require('@adguard/tsurlfilter');
const rows = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(rows.map(({rule, names}) => names.map((name) => {
  const engine = new t.DnsEngine(new t.RuleStorage([new t.StringRuleList(1, rule, false)]));
  const found = engine.match(name);
  if (found.basicRule) return found.basicRule.isAllowlist() ? 'allow' : 'block';
  return found.hostRules.length ? 'block' : 'pass';
}))));
"""
_LEFT_OUT = re.compile(r"\$.*\b(?:client|ctag|dnstype|dnsrewrite|badfilter)\b")


def find_rules(data: Path) -> list[str]:
    """Return the rules: those of the vectors, and some of each list, more odd ones than plain."""
    vectors = map(json.loads, (data / "list-syntax-vectors.jsonl").read_text().splitlines())
    found = {
        line: None
        for each in vectors
        if each["format"] == "adblock"
        for line in each["list"].split("\n")
        if line.strip()
    }
    random = Random(3)
    for path in LISTS:
        octets = (data / path).read_bytes()
        text = gzip.decompress(octets) if path.endswith(".gz") else octets
        lines = [each.strip() for each in text.decode(errors="replace").splitlines()]
        lines = [each for each in lines if each and each[0] not in "!#["]
        odd = [each for each in lines if not re.fullmatch(r"\|\|[\w.-]+\^", each)]
        plain = [each for each in lines if each not in set(odd[:5000])]
        chosen = random.sample(odd, min(len(odd), 80)) + random.sample(plain, min(len(plain), 40))
        found.update(dict.fromkeys(chosen))
    return [each for each in found if not _LEFT_OUT.search(each)][:RULES]


def probes(rule: str) -> list[str]:
    """Return names that a rule may be about, and some near them."""
    core = re.sub(r"\$.*", "", rule.removeprefix("@@")).strip("|^/*.")
    core = re.sub(r"\\\\?(.)", r"\1", core)
    core = re.sub(r"[^a-z0-9.-]+", "x", core.lower()).strip(".-") or "example"
    core = re.sub(r"\.{2,}", ".", core)[:60]
    return [
        *(core, f"www.{core}", f"x{core}", f"{core}.example", f"{core}x", f"a.b.{core}"),
        *("example.org", "a.example", core.partition(".")[2] or "net"),
    ]


def ours(rule: str, names: list[str]) -> Iterator[str]:
    """Yield what the rule does to each name here."""
    try:
        parsed = parse_list(rule, ListFormat.ADBLOCK)
    except ListError:  # a list of pages: this one
        yield from ["pass"] * len(names)
        return
    index = DictIndex(
        [(ListInfo(0, "r", ListKind.CATEGORY, "r", "1"), parsed.entries)], [parsed.special]
    )
    rules = ListRules(index.special, ())
    for name in names:
        found = rules.resolve(index.find(name), name, 1)
        yield "allow" if any(e.allow for e in found) else "block" if found else "pass"


def main() -> None:
    folder, data = sys.argv[1], Path(__file__).parents[2] / "shared" / "data"
    rows = [{"rule": each, "names": probes(each)} for each in find_rules(data)]
    answer = subprocess.run(
        ["node", "-e", ENGINE],
        input=json.dumps(rows),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    same = differing = 0
    for row, theirs in zip(rows, json.loads(answer.stdout.splitlines()[-1]), strict=True):
        mine = list(ours(row["rule"], row["names"]))
        for name, here, there in zip(row["names"], mine, theirs, strict=True):
            same += here == there
            if here != there:
                differing += 1
                print(f"{row['rule']!r} {name}: here {here}, there {there}")
    print(f"{len(rows)} rules, {same} verdicts alike, {differing} not")


if __name__ == "__main__":
    main()
