"""Bytes in, bytes out: the sockets that queries come in on."""
