"""A list of names: how it is written, and how a name is found in all lists at once."""
