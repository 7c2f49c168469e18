"""The migrations of household.db up to 0029."""
