-- What scripts and long use need: lists of a million tasks, keys of requests, statistics, retention.

ALTER TABLE tasks ADD COLUMN runtime INTEGER GENERATED ALWAYS AS (ended - started) VIRTUAL;

-- One index for each ordering of a list. An index ends with the id by itself, so ties need no column.
DROP INDEX tasks_final_by_last_modified;
CREATE INDEX tasks_final_by_id ON tasks (status)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_description ON tasks (status, description)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_percent ON tasks (status, percent)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_created ON tasks (status, created)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_last_modified ON tasks (status, last_modified)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_runtime ON tasks (status, runtime)
    WHERE status IN ('Finished', 'Exception', 'Aborted');

-- Filters that few tasks match.
CREATE INDEX tasks_final_of_job ON tasks (job, status)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_of_user ON tasks (created_by, status)
    WHERE status IN ('Finished', 'Exception', 'Aborted');

-- Requests that are carried out once, however often they are sent: for 24 hours.
CREATE TABLE request_keys (
    user TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    task INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (user, path, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX request_keys_by_time ON request_keys (at);

-- What happened in each minute since 1970. Times are sums of milliseconds: of the tasks that were started for the
-- first time, how long they had waited; of those that ended, how long they ran.
CREATE TABLE minutes (
    minute INTEGER PRIMARY KEY,
    created INTEGER NOT NULL,
    started INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    ran INTEGER NOT NULL,
    waiting_ms INTEGER NOT NULL,
    running_ms INTEGER NOT NULL
) STRICT;

-- Rounds up to a number that are to go, a few at a time: of tasks that are gone, or that have too many.
CREATE TABLE leftovers (
    task INTEGER PRIMARY KEY,
    up_to INTEGER NOT NULL
) STRICT;

-- Settings that were applied to all that is kept, so that it need not be looked through at each start.
CREATE TABLE applied (
    setting TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A prefix that has no index of its own is sought by reading all that begins so: 50 ms where many tasks do.
DROP TABLE task_words;
CREATE VIRTUAL TABLE task_words USING fts5 (
    words, content = '', tokenize = 'ascii', detail = none, columnsize = 0, prefix = '1 2 3 4 5 6 7 8 9 10 11 12'
);
INSERT INTO task_words (rowid, words) SELECT id, split_words(description) FROM tasks;
