"""Python imports this module in every process that finds it."""

from tests.coreml_stand_in import apply

apply()
