"""`household.db`: the household, accounts, appeals and audit; each change is one transaction."""
