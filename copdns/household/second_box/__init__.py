"""A second box that follows this one: the key that joins both, what it gets, and how it travels."""
