"""Who may log in, and do what: roles, passwords, codes, and how often they may try."""
