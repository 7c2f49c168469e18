"""What the family decided, and who may decide: each change is one transaction."""
