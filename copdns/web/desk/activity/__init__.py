"""The dashboard's pages about what happened: the log, statistics, report and history."""
