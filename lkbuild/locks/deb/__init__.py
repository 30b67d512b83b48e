"""Locks of Debian packages: signed indices in, one version and one choice per package out."""
