"""Proof that a converted file computes what PyTorch computes: metrics, and one runtime per way to execute a file."""
