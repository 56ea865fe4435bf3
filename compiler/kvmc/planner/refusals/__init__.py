"""Why a VM does not fit, and what would make it fit."""
