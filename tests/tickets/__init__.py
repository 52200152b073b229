"""Thousands of real tickets through the real webhook: each ends solved, with a person, or escalated, and once."""
