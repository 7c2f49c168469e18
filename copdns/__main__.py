"""`python -m copdns` is the same program as `copdns`."""

from copdns.cli import main

main()
