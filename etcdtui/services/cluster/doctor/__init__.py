"""What is wrong with the cluster, why, and what to do: inputs gathered, checks as pure functions, one report."""
