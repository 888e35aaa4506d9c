"""Everything that has steps: plans for incidents and maintenance, run one step at a time, kept on disk as they go."""
