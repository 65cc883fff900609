"""Training: the loop, its losses, checkpoints, several processes."""
