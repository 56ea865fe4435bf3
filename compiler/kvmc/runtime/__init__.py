"""QEMU guests that run on this machine: starting, pinning, plugging and listing them."""
