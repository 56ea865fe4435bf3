"""The view objects the libvirt templates print: one module a part of the domain."""
