"""The benchmark app on iPhones: driven by devicectl or pymobiledevice3, and what comes of it."""
