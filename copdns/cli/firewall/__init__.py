"""Rules for the firewall of a router, from what copdns knows; people apply them."""
