"""A converted file against PyTorch: reference, metrics, tolerances, and every runtime that can execute it."""
