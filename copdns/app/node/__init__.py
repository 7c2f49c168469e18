"""The programs of a provider's node, beside the copdns that answers: tables and addresses."""
