"""The sandbox: runs commands apart from the host, by bubblewrap. The only package that starts processes."""
