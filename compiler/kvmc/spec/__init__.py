"""Stage two: data to a `Vm`: what is asked of CPUs, in full and checked."""
