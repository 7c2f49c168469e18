"""HTTP for people, programs and monitoring: what all pages need; `routes.py` has every URL."""
