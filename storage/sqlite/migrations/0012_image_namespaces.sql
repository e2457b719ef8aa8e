-- Images are named by their namespace as well; '' is the one that every pool has, and all images of a version before.
DROP INDEX image_results_by_time;
ALTER TABLE image_results RENAME TO former_image_results;
CREATE TABLE image_results (
    fsid TEXT NOT NULL,
    pool TEXT NOT NULL,
    namespace TEXT NOT NULL,
    image TEXT NOT NULL,
    task INTEGER NOT NULL,
    at INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
    used_bytes INTEGER NOT NULL CHECK (used_bytes >= 0),
    figures TEXT NOT NULL,
    sparkline TEXT NOT NULL,
    PRIMARY KEY (fsid, pool, namespace, image)
) STRICT, WITHOUT ROWID;
INSERT INTO image_results (fsid, pool, namespace, image, task, at, size_bytes, used_bytes, figures, sparkline)
SELECT fsid, pool, '', image, task, at, size_bytes, used_bytes, figures, sparkline FROM former_image_results;
DROP TABLE former_image_results;
CREATE INDEX image_results_by_time ON image_results (at);
