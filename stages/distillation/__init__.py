"""What students learn from a teacher: the objective and the soft-label file."""
