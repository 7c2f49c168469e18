"""What a child objects to, and what comes of it: its life, its answer, what a yes opens."""
