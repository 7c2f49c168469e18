"""What a provider has that a family does not: who is behind an address, and what dnsdist reads."""
