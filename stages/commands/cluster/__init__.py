"""The pipeline on several machines: tasks from DVC's graph, a worker's clone of the code, Dask's scheduler."""
