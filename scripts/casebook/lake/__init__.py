"""Everything that may write below lake/: layout, ledger, quarantine, locks."""
