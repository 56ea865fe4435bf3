"""Stage three: sysfs, libvirt capabilities, hwloc or YAML to a `Host`: what there is."""
