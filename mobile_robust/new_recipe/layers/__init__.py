"""The layers where a module can go, and what it costs there."""
