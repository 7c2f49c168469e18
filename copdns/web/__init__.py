"""HTTP for people and for their monitoring."""
