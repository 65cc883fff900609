"""Knowledge distillation: the objective and the file of a teacher's soft labels."""
