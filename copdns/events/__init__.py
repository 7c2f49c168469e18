"""What happened, passed on: to the log, to webhooks and programs, and to guardians."""
