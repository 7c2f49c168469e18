"""The commands of `copdns provider`: one module for each subject."""
