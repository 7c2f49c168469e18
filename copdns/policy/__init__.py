"""What happens to a query, and why: `order.py` has the order, `steps.py` the steps."""
