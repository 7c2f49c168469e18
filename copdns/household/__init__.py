"""What a family decides: every change to it, what must hold in it, and its file."""
