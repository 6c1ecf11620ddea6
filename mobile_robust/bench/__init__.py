"""Latency of artifacts on this host, and the report over the results of any device."""
