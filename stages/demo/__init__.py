"""Synthetic dermoscopy, for a demonstration without patients' images."""
