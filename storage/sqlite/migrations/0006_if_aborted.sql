-- What goes on without the task where it is aborted now, as its last round has said: a sentence for its outcome.
ALTER TABLE tasks ADD COLUMN if_aborted TEXT NOT NULL DEFAULT '';
