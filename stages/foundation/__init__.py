"""What every other folder stands on: parameters, files, commands, names."""
