"""The command line."""

import click


@click.group()
def main() -> None:
    """A DNS filter for families."""
