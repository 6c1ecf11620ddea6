"""Training of the repair modules: one file a method."""
