"""Locks of OCI images: names in, one manifest for each architecture out."""
