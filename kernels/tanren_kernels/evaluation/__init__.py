"""Benchmarks and measurements of models."""
