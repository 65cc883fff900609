"""What maintainers run, through `make`: benchmarks, what documents are drawn from, pictures. Not installed."""
