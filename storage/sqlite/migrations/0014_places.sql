-- Where a task runs or last ran, NULL on the server's own machine, and how often a worker took it: a server that starts
-- has to know whose lease it must wait for. `needs`: the labels that its place has to offer, as `locks`.
ALTER TABLE tasks ADD COLUMN place TEXT;
ALTER TABLE tasks ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0);
ALTER TABLE tasks ADD COLUMN needs TEXT;
