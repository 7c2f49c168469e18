"""The guardians' dashboard: its overview and requests; a folder for each other subject."""
