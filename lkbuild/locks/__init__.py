"""Lock files: resolving, checking and comparing what comes from outside. Gets a download function; opens no socket itself."""
