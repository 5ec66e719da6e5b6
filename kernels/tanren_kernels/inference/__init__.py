"""Generating tokens and scoring answers."""
