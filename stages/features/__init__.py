"""Hand-crafted features of an image."""
