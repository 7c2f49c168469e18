"""Rollouts: what reaches more than one household goes to one node, to one site, then to all."""
