"""Commands beside the pipeline: python -m stages.commands.<name>."""
