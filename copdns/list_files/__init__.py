"""Lists as files: chosen, fetched, compiled, and opened by the running program."""
