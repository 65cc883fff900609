"""What every other folder uses: parameters, names, files, splits, the opened pack, predictions, running a stage."""
