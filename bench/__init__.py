"""Measurements of what Headgate costs, each beside the floor that the machine sets. `make bench` runs them all."""
