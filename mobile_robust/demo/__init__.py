"""An app that shows on a phone what a build's module is worth."""
