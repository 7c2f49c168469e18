"""The values that all else speaks of, how they are written, and what is said of mistakes."""
