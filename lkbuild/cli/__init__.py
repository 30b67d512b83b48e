"""The command: parsing, rendering, exit codes; one small file per verb. Knows nothing of how a build is done."""
