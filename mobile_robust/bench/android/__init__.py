"""The benchmark app on phones: how it is built and checked, driven over adb, and what comes of it."""
