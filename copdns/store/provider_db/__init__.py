"""What a provider writes beside the households: its register, and the desk of its reviewers."""
