"""The host as it is against the plan: what differs, and (apply) how to bring it there."""
