"""Correction priority: which filters of a network suffer most from a corruption (DeepCorrect, Algorithm 1)."""
