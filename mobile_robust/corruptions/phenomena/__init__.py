"""One module per phenomenon; the registry finds them all."""
