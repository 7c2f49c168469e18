"""Events: published to the log, to webhooks and a program, and to guardians as notices."""
