"""Every corruption on one photo, as a picture to look at."""
