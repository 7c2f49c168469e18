"""A provider's register: legal orders, what was added to the security layer, what is preserved."""
