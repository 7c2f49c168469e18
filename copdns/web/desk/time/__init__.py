"""The dashboard's pages about schedules, limits, temporary access and tickets."""
