"""What the numbers say: predictions, metrics, curves."""
