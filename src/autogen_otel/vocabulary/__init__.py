"""Names that emission, dashboards and diagnosis share. This room imports nothing."""
