"""Stress tests of a deployed student: altered images, and pictures that show no lesion."""
