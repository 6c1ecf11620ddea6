"""What each idea of a paper is worth: the method with and without it, trained alike and scored on the same photos."""
