"""Headgate tasks that look at texts: one module for each."""
