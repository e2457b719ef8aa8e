-- How large the parameters of a task are, as JSON in UTF-8; NULL in tasks of a version before, which are measured when
-- they are read: to fill it in would hold up the start for as long as there are tasks.
ALTER TABLE tasks ADD COLUMN params_bytes INTEGER;

-- Parameters too large for lists and frames: over 16 KiB. The task's own row, which each round writes anew, holds ''.
CREATE TABLE large_params (
    task INTEGER PRIMARY KEY,
    params TEXT NOT NULL
) STRICT;
