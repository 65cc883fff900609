"""Every table and curve of an evaluation, computed from frozen predictions."""
