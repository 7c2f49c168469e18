"""What another program's settings become here: its files, read, and a plan of what comes over."""
