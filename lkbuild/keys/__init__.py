"""Keys: what makes two actions the same. One walk feeds a hash or an explanation, so they cannot drift apart."""
