"""Carbon-aware schedules: move scheduled flow runs before they start."""
