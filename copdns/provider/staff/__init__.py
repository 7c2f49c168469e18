"""Who works at a provider, what each may do, and the desk of those who decide about lists."""
