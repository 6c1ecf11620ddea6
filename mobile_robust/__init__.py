"""Classifiers on phones that keep working on bad photos.

Train or load a small repair module for a pretrained classifier, convert it to TFLite and Core ML, and prove every file
numerically equal to the PyTorch reference.
"""

__version__ = "0.1.0"
