"""From demands to counts of cores: exact where hosts are small, by packing where they are not."""
