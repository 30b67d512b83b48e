"""One module per verb, imported only when that verb is given: parse, call one use case, print its value."""
