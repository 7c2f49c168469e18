"""What happened, passed on: to the log, to webhooks and programs, to guardians, and to browsers."""
