"""The sandbox: runs commands apart from the host, by bubblewrap or a launcher of ours (launcher/). Nothing else starts processes."""
