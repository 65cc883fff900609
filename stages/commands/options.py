"""Kinds of arguments that several commands take."""

import argparse


def share(text: str) -> float:
    """Return a share between 0 and 1, neither included."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"wanted a share between 0 and 1, found {text}")
    return value


def count(text: str) -> int:
    """Return a whole number of 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted 1 or more, found {text}")
    return int(text)


def columns_of(text: str) -> dict[str, str]:
    """Return "image=a,label=b" as a mapping."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(key and column for key, _, column in pairs):
        raise argparse.ArgumentTypeError("wanted image=COLUMN,label=COLUMN,...")
    return {key.strip(): column.strip() for key, _, column in pairs}
