"""Values as programs get them: the same names for commands with --json and the API."""
