"""What several methods share, one concept a file."""
