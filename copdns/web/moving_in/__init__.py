"""Moving in from another filter over HTTP: a file is read, shown as a plan, and stored."""
