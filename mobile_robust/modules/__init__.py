"""The methods: one file each, training form, deploy form and ``reparameterize()`` together.

``mobile_robust.systems`` puts them in their places on a backbone and keeps the list of their names.
"""
