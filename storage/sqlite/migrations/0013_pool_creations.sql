-- Pools whose creation has begun, until the request for it was answered: what a server that is gone has left is adopted.
CREATE TABLE pool_creations (
    fsid TEXT NOT NULL,
    name TEXT NOT NULL,
    pg_num INTEGER NOT NULL,
    application TEXT NOT NULL,
    newest_pool INTEGER NOT NULL,
    at INTEGER NOT NULL,
    user TEXT NOT NULL,
    request_path TEXT,
    request_key TEXT,
    request_body_hash TEXT,
    pool INTEGER,
    task INTEGER,
    PRIMARY KEY (fsid, name)
) STRICT, WITHOUT ROWID;
