"""One module per phenomenon; the registry finds them all.

A module defines ``ENTRIES``, its rows of the registry, and ``ORDER``, its rank among the modules, which decides the
order of entries of one family that come from several modules.
"""
