"""A recipe for a backbone that the user brings: what is known of it, where a module goes, what that costs."""
