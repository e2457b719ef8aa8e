-- Descriptions are split anew for the search: runs of scripts without spaces into pairs of characters. The words of tasks
-- that are there are made anew in the background, the newest task first; those up to `up_to` are found by their former
-- words until then. The row goes when the former words are gone (storage/renewal.py).
ALTER TABLE task_words RENAME TO former_words;
CREATE VIRTUAL TABLE task_words USING fts5 (
    words, content = '', tokenize = 'ascii', detail = none, columnsize = 0, prefix = '1 2 3 4 5 6 7 8 9 10 11 12'
);
CREATE TABLE renewal (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    up_to INTEGER NOT NULL CHECK (up_to >= 0)
) STRICT;
INSERT INTO renewal (only, up_to) SELECT 1, coalesce(max(id), 0) FROM tasks;
