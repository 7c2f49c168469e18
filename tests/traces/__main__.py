"""Print the table of docs/usage.md: `python -m tests.traces`."""

import sys

from tests.traces.table import lines

sys.stdout.writelines(f"{line}\n" for line in lines())
