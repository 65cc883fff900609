"""Training: the loop, its losses, checkpoints."""
