"""The dashboard's pages about logging in, accounts and notices."""
