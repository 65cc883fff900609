"""What every other folder uses: parameters, files, running a stage, names of models."""
