"""What lasts: `household.db` (policy, accounts, audit) and `log.db` (queries, counts)."""
