"""What is recorded of a person, who sees how much of it, and what reports may say of all."""
