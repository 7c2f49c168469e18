"""What the people who work at a provider use over HTTP, and what the public asks there."""
