-- What tells this database from a copy of it, see storage/mark.py; `run` is NULL until a server has opened it.
ALTER TABLE head ADD COLUMN run TEXT;
ALTER TABLE head ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE head ADD COLUMN base INTEGER NOT NULL DEFAULT 0;

-- A clock that was set back has made some end before they started.
UPDATE tasks SET ended = started WHERE status IN ('Finished', 'Exception', 'Aborted') AND runtime < 0;
