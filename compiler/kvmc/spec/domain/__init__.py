"""A libvirt domain XML as facts about CPUs and memory: what `kvmc import` reads."""
