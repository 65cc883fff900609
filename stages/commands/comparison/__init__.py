"""Ways of training compared over folds, and a run compared with published predictions."""
