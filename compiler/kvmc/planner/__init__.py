"""Stage four: VMs and a host to a `Plan`: who gets which CPU, and why."""
