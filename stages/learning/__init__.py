"""Models and how they learn: the only wing that imports torch."""
