"""Days, schedules, budgets and minutes of use by the household's clock, and what they close."""
