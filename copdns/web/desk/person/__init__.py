"""The dashboard's pages about one person."""
