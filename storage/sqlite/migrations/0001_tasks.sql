-- Tasks, what was done to them, and what outlives them.

CREATE TABLE head (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    store TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    oldest INTEGER NOT NULL CHECK (oldest BETWEEN 0 AND revision),
    not_started INTEGER NOT NULL CHECK (not_started >= 0),
    running INTEGER NOT NULL CHECK (running >= 0),
    finished INTEGER NOT NULL CHECK (finished >= 0),
    exception INTEGER NOT NULL CHECK (exception >= 0),
    aborted INTEGER NOT NULL CHECK (aborted >= 0),
    pending_percents INTEGER NOT NULL CHECK (pending_percents >= 0)
) STRICT;

INSERT INTO head VALUES (1, lower(hex(randomblob(8))), 0, 0, 0, 0, 0, 0, 0, 0);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job TEXT NOT NULL,
    params TEXT NOT NULL,
    description TEXT NOT NULL,
    metadata TEXT NOT NULL,
    lock TEXT,
    unique_key TEXT,
    status TEXT NOT NULL CHECK (status IN ('Not Started', 'Running', 'Finished', 'Exception', 'Aborted')),
    stopping INTEGER NOT NULL CHECK (stopping = 0 OR status = 'Aborted'),
    forced INTEGER NOT NULL CHECK (forced = 0 OR status = 'Aborted'),
    percent INTEGER NOT NULL CHECK (percent BETWEEN 0 AND 100),
    round INTEGER NOT NULL CHECK (round >= 0),
    rounds INTEGER,
    checkpoint_round INTEGER NOT NULL,
    message TEXT NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    last_modified INTEGER NOT NULL,
    ended INTEGER,
    stalled INTEGER NOT NULL CHECK (stalled = 0 OR status = 'Running'),
    result TEXT,
    result_bytes INTEGER,
    error TEXT,
    outcome TEXT NOT NULL,
    interruptions INTEGER NOT NULL,
    deaths INTEGER NOT NULL CHECK (deaths <= interruptions),
    priority INTEGER NOT NULL CHECK (priority BETWEEN -100 AND 100),
    not_before INTEGER,
    created_by TEXT,
    ended_by TEXT,
    retry_of INTEGER,
    pinned INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    CHECK ((status IN ('Not Started', 'Running')) = (ended IS NULL)),
    CHECK ((status IN ('Not Started', 'Running')) = (outcome = '')),
    CHECK (status <> 'Running' OR started IS NOT NULL),
    CHECK ((status = 'Finished') = (result_bytes IS NOT NULL)),
    CHECK (status <> 'Finished' OR percent = 100),
    CHECK (status <> 'Exception' OR error IS NOT NULL)
) STRICT;

CREATE TRIGGER a_final_status_never_changes
BEFORE UPDATE OF status ON tasks
WHEN old.status IN ('Finished', 'Exception', 'Aborted') AND new.status <> old.status
BEGIN
    SELECT RAISE(ABORT, 'a final status never changes');
END;

-- Of what changes with each round only pending tasks are indexed: they are few.
CREATE INDEX tasks_pending_by_revision ON tasks (revision) WHERE status IN ('Not Started', 'Running');
CREATE INDEX tasks_final_by_revision ON tasks (revision) WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_final_by_last_modified ON tasks (status, last_modified, id)
    WHERE status IN ('Finished', 'Exception', 'Aborted');
CREATE INDEX tasks_stopping ON tasks (id) WHERE stopping = 1;
CREATE UNIQUE INDEX tasks_unique_while_pending ON tasks (unique_key)
    WHERE unique_key IS NOT NULL AND status IN ('Not Started', 'Running');

-- Results too large for lists and frames: over 16 KiB.
CREATE TABLE large_results (
    task INTEGER PRIMARY KEY,
    result TEXT NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    task INTEGER PRIMARY KEY,
    round INTEGER NOT NULL,
    data TEXT NOT NULL
) STRICT;

CREATE TABLE rounds (
    task INTEGER NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    at INTEGER NOT NULL,
    seconds REAL NOT NULL,
    percent INTEGER NOT NULL,
    message TEXT NOT NULL,
    output TEXT,
    revision INTEGER NOT NULL,
    PRIMARY KEY (task, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX rounds_by_revision ON rounds (task, revision, number);

-- Both outlive their task, until [retention] changes_days.
CREATE TABLE transitions (
    revision INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    before TEXT,
    after TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE deletions (
    revision INTEGER PRIMARY KEY,
    task INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;

-- The words of each description as storage/words.py splits them: the tokenizer only sees the spaces between.
CREATE VIRTUAL TABLE task_words USING fts5 (
    words, content = '', tokenize = 'ascii', detail = none, columnsize = 0, prefix = '1 2 3'
);
