"""The dashboard's pages about the household: devices, names, lists, settings, setup."""
