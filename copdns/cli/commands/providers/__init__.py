"""Commands for those who offer copdns to many households."""
