"""The databases: `household.db` (policy, accounts, audit) and `log.db` (queries, counts, usage)."""
