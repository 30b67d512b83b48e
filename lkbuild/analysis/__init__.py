"""Analysis: rules turn targets into actions. Pure, but for reading the rule files themselves."""
