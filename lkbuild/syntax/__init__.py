"""YAML as users write it: text to nodes with places, and errors that name them. Pure; does not know what a file is about."""
