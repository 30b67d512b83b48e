"""The sandbox: runs commands apart from the host, by bubblewrap or a launcher of its own (launcher/). The only package that starts processes."""
