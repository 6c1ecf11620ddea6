"""The contracts between the rooms: recipe (what to build) and manifest (what was built and how equal it is)."""
