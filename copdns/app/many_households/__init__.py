"""What many households need of a provider: who is here, their minutes, reviewers, whose brand."""
