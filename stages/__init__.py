"""A DVC pipeline that distils melanoma detectors: one module per stage, dvc.yaml is the map."""
