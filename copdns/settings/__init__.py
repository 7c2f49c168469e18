"""The settings of one machine, a file for each subject; `config.py` puts them together."""
