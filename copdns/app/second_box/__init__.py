"""A box that follows another one: what it knows of that, and what it does again and again."""
