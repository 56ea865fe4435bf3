"""kvmc: a declarative compiler that plans host CPUs for libvirt and QEMU guests."""

__version__ = "0.1.0"
