"""What the user sees: diagnostics, plans and hosts as text or JSON. Pure; prints nothing."""
