"""The student in the formats of phones' runtimes, each converted and run by its own library, an optional extra."""
