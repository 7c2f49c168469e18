"""What happened: queries as far as they are recorded, minutes of use, unknown devices."""
