"""What may be asked of the published marts."""
