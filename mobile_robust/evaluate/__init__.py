"""How often a model names the right class: backbones, PyTorch systems and the converted files on the same photos."""
