"""A cohort with references: what to compare, how well it agrees, and what that means over all cases."""
