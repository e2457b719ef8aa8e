-- What the newest task that got RBD performance data found of each image: at hand when the task is long gone.
CREATE TABLE image_results (
    fsid TEXT NOT NULL,
    pool TEXT NOT NULL,
    image TEXT NOT NULL,
    task INTEGER NOT NULL,
    at INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    used_bytes INTEGER NOT NULL CHECK (used_bytes >= 0),
    figures TEXT NOT NULL,
    sparkline TEXT NOT NULL,
    PRIMARY KEY (fsid, pool, image)
) STRICT, WITHOUT ROWID;

CREATE INDEX image_results_by_time ON image_results (at);
