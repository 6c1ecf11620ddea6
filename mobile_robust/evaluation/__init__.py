"""Accuracy of baselines, PyTorch pipelines and converted files on the same photos, clean and corrupted."""
