"""The checks of `copdns doctor`: one module for each subject."""
