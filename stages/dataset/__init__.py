"""The files between stages: split tables, the pack of decoded images, prediction tables."""
