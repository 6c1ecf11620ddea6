"""How often a system names the right class: the PyTorch model and every converted artifact on the same photos."""
