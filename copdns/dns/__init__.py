"""DNS as it travels: messages as octets, the cache of responses, and queries to upstreams."""
