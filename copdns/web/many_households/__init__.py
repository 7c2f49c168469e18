"""Pages of many households in one program: whose a request is about."""
