"""Stage five: a VM and its plan to an artefact: a libvirt domain, or a QEMU command."""
