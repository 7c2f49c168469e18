"""The data plane: what dnsdist reads of policies on a node, and how it is set up."""
