"""What the user sees: values as text, JSON, SARIF and pictures. Pure; prints nothing."""
