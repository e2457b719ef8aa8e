-- What the kept rounds of a task take, in bytes; NULL where nobody has counted them: of a task of the version before, or
-- whose settings have changed. It is counted with the task's next round (storage/kept_rounds.py).
ALTER TABLE tasks ADD COLUMN rounds_bytes INTEGER;
