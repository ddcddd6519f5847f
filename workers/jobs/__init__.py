"""The record: what was asked, and what became of it."""
