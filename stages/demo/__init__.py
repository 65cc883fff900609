"""Synthetic dermoscopy."""
