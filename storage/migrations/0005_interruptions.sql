-- When a task was interrupted. Such transitions are rare: the others pay nothing for the index.

CREATE INDEX transitions_of_interruptions ON transitions (task) WHERE before = 'Running' AND after = 'Not Started';
