"""dbt runs into a candidate, which is published when its tests passed."""
