"""Labels, digests, wire encoding, errors and atomic files: what every other layer is made of."""
