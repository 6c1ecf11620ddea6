"""What a classifier says of single photos, without and with its module."""
