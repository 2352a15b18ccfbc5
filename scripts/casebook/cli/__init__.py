"""The `casebook` command: one module an errand; printing apart."""
