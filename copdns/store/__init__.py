"""What lasts: `household.db` (policy and audit) and `log.db` (look-ups and counts).

All SQL stands here; outside are functions over the values of `model` and `keep`.
"""
