"""Measurements on this machine; nothing that must be reproducible depends on them."""
