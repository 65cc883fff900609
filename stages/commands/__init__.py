"""What stands beside the pipeline: `melanoma-kd COMMAND`. No stage imports this folder."""
