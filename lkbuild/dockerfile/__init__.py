"""Dockerfiles as values: what they say, what they build upon, what their image will say of its container. Pure."""
