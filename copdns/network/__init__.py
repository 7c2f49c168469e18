"""What the network shows: which device is behind an address, which resolvers devices use."""
