-- When a task was interrupted: few are, so that other transitions pay nothing for this index.
CREATE INDEX transitions_of_interruptions ON transitions (task, revision)
    WHERE before = 'Running' AND after = 'Not Started';
