"""A method outside the package: one gain and bias a colour, and gates on two layers of the backbone."""
