"""Doctor: what is wrong with the cluster, why, and what to do."""
