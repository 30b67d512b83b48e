"""Use cases of `lkbuild cache serve`: a cache for a team and its partners, made of servers that exist."""
