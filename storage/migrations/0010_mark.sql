-- What tells this database from a copy of it: see storage/mark.py. No row until a server has opened it.
CREATE TABLE mark (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    run TEXT NOT NULL,
    step INTEGER NOT NULL CHECK (step > 0)
) STRICT;

-- A clock that was set back has made some end before they started.
UPDATE tasks SET ended = started WHERE status IN ('Finished', 'Exception', 'Aborted') AND runtime < 0;
