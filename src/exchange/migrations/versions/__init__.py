"""Revisions, oldest first. Each works with the code before it."""
