"""Executed instructions of an inference on an emulated ARM64 phone: a cost without the noise of the machine."""
