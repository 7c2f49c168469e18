"""What pages of many households need of a provider: its reviewers, and whose brand they have."""
