"""Maintenance: jobs that check and repair a model's indexes, in batches, beside running writers.

A job is a long operation that reports its progress between two batches.
"""
