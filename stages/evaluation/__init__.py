"""From frozen predictions to every table and curve."""
