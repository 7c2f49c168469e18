"""The path of a query, from its octets to those of the reply: begin with `answer.py`."""
