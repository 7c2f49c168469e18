"""What `copdns doctor` looks at: one module a subject."""
