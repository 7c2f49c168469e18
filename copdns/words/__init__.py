"""What people read, in their language and at their age: children, guardians, and help."""
