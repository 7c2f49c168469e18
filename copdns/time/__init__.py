"""The household's clock: days, schedules, budgets, minutes of use, and what is off when."""
