"""Arrays in, numbers out: metrics, intervals, calibration, decisions, comparisons."""
