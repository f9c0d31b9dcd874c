"""What must hold between code, template and contracts. `python -m sagactl.checks` says what does not."""
