"""Maintenance: jobs that put a model's indexes right, in batches, beside running writers.

A job is an operation that takes long, and tells between two batches how far it has got.
"""
