-- Every statement, named and described. `-- name:` begins one; storage/statements.py reads them.

-- name: head
-- Where the store stands, in the order of jobs.model.Head and the kept counts.
SELECT store, revision, oldest, not_started, running, finished, exception, aborted, pending_percents FROM head

-- name: set_head
-- The revision and the kept counts after a batch.
UPDATE head SET revision = :revision, not_started = :not_started, running = :running, finished = :finished,
    exception = :exception, aborted = :aborted, pending_percents = :pending_percents

-- name: set_oldest
-- The oldest `since` that can still be answered.
UPDATE head SET oldest = :oldest

-- name: insert_task
-- A new task; its id is the row's.
INSERT INTO tasks (job, params, description, metadata, locks, unique_key, status, stopping, forced, percent, round,
    rounds, checkpoint_round, message, created, started, last_modified, ended, stalled, result, result_bytes, error,
    outcome, interruptions, deaths, priority, not_before, created_by, ended_by, retry_of, pinned, revision)
VALUES (:job, :params, :description, :metadata, :locks, :unique_key, 'Not Started', 0, 0, 0, 0,
    NULL, 0, '', :created, NULL, :created, NULL, 0, NULL, NULL, NULL,
    '', 0, 0, :priority, :not_before, :created_by, NULL, :retry_of, 0, :revision)

-- name: insert_words
-- The words of a task's description.
INSERT INTO task_words (rowid, words) VALUES (:id, :words)

-- name: delete_words
-- Takes a task's words out of the index again; they must be the same that were put in.
INSERT INTO task_words (task_words, rowid, words) VALUES ('delete', :id, :words)

-- name: update_task
-- A compare-and-set: no row where somebody was first.
UPDATE tasks SET status = :status, stopping = :stopping, forced = :forced, percent = :percent, round = :round,
    rounds = :rounds, checkpoint_round = :checkpoint_round, message = :message, started = :started,
    last_modified = :last_modified, ended = :ended, stalled = :stalled, result = :result,
    result_bytes = :result_bytes, error = :error, outcome = :outcome, interruptions = :interruptions,
    deaths = :deaths, ended_by = :ended_by, pinned = :pinned, revision = :revision
WHERE id = :id AND status = :expected_status AND revision = :expected_revision

-- name: delete_task
DELETE FROM tasks WHERE id = :id

-- name: delete_rounds
DELETE FROM rounds WHERE task = :id

-- name: delete_large_result
DELETE FROM large_results WHERE task = :id

-- name: delete_checkpoint
DELETE FROM checkpoints WHERE task = :id

-- name: set_large_result
-- A result over 16 KiB.
INSERT OR REPLACE INTO large_results (task, result) VALUES (:id, :result)

-- name: large_result
SELECT result FROM large_results WHERE task = :id

-- name: set_checkpoint
-- What the last round left behind.
INSERT OR REPLACE INTO checkpoints (task, round, data) VALUES (:id, :round, :data)

-- name: checkpoint
SELECT round, data FROM checkpoints WHERE task = :id

-- name: set_round
-- A round; one that is done again after an interruption replaces the one of its number.
INSERT OR REPLACE INTO rounds (task, number, at, seconds, percent, message, output, revision)
VALUES (:id, :number, :at, :seconds, :percent, :message, :output, :revision)

-- name: rounds
-- Rounds after a number, in order.
SELECT number, at, seconds, percent, message, output, revision FROM rounds
WHERE task = :id AND number > :after ORDER BY number LIMIT :limit

-- name: watched_rounds
-- Rounds behind a position, in order of commit.
SELECT number, at, seconds, percent, message, output, revision FROM rounds INDEXED BY rounds_by_revision
WHERE task = :task AND (revision, number) > (:revision, :number) AND revision <= :up_to
    AND (number > :after OR revision > :began)
ORDER BY revision, number LIMIT :limit

-- name: insert_transition
INSERT INTO transitions (revision, task, before, after, at) VALUES (:revision, :task, :before, :after, :at)

-- name: insert_deletion
INSERT INTO deletions (revision, task, at) VALUES (:revision, :task, :at)

-- name: task
-- One task by id, with the result that its row holds.
SELECT {columns} FROM tasks WHERE id = :id

-- name: pending_with_key
-- The pending task that a unique draft is equal to.
SELECT {columns} FROM tasks
WHERE unique_key = :unique_key AND unique_key IS NOT NULL AND status IN ('Not Started', 'Running')

-- name: unfinished
-- Pending and stopping tasks, by id: what a start of the server has to look at.
SELECT {columns} FROM tasks WHERE status IN ('Not Started', 'Running')
UNION ALL
SELECT {columns} FROM tasks WHERE stopping = 1
ORDER BY id

-- name: transitions_between
SELECT task, before, after, at, revision FROM transitions
WHERE revision > :since AND revision <= :up_to ORDER BY revision

-- name: deletions_between
SELECT task FROM deletions WHERE revision > :since AND revision <= :up_to ORDER BY revision

-- name: tasks_between
-- Tasks whose last change lies between, by the two partial indexes.
SELECT {columns} FROM tasks
WHERE status IN ('Not Started', 'Running') AND revision > :since AND revision <= :up_to
UNION ALL
SELECT {columns} FROM tasks
WHERE status IN ('Finished', 'Exception', 'Aborted') AND revision > :since AND revision <= :up_to
ORDER BY revision

-- name: last_forgettable
-- The last revision that was committed before a time, and all before it.
SELECT max(revision) FROM (
    SELECT max(revision) AS revision FROM transitions WHERE at < :before
    UNION ALL SELECT max(revision) FROM deletions WHERE at < :before)

-- name: forget_transitions
DELETE FROM transitions WHERE revision <= :up_to

-- name: forget_deletions
DELETE FROM deletions WHERE revision <= :up_to

-- name: list_tasks
-- A page. The side of the words drives the join: left to the planner, a common word took seconds.
SELECT {columns} FROM {source} WHERE {conditions} ORDER BY {order} LIMIT :limit OFFSET :offset

-- name: count_tasks
-- How many a list has, counted to a limit.
SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {conditions} LIMIT :limit)

-- name: source_all
tasks

-- name: source_search
task_words CROSS JOIN tasks ON tasks.id = task_words.rowid

-- name: condition_search
task_words MATCH :search

-- name: condition_pending
status IN ('Not Started', 'Running')

-- name: condition_final
status IN ('Finished', 'Exception', 'Aborted')

-- name: condition_statuses
status IN (SELECT value FROM json_each(:statuses))

-- name: condition_job
job = :job

-- name: condition_created_by
created_by = :created_by

-- name: order_id
id {direction}

-- name: order_description
description {direction}, id {direction}

-- name: order_status
CASE status WHEN 'Not Started' THEN 0 WHEN 'Running' THEN 1 WHEN 'Finished' THEN 2 WHEN 'Exception' THEN 3 ELSE 4 END
{direction}, id {direction}

-- name: order_percent
percent {direction}, id {direction}

-- name: order_created
created {direction}, id {direction}

-- name: order_last_modified
last_modified {direction}, id {direction}

-- name: order_runtime
ended - started {direction} NULLS LAST, id {direction}

-- name: users
-- All users, by name; the columns in the order of storage.accounts.User.
SELECT name, role, password_hash, token_generation, credentials, created FROM users ORDER BY name

-- name: user
SELECT name, role, password_hash, token_generation, credentials, created FROM users WHERE name = :name

-- name: insert_user
INSERT INTO users (name, role, password_hash, token_generation, credentials, created)
VALUES (:name, :role, :password_hash, :token_generation, :credentials, :created)

-- name: update_user
UPDATE users SET role = :role, password_hash = :password_hash, token_generation = :token_generation,
    credentials = :credentials
WHERE name = :name

-- name: delete_user
DELETE FROM users WHERE name = :name

-- name: other_admins
-- Who could still do all, were this one gone.
SELECT count(*) FROM users WHERE role = 'admin' AND name <> :name

-- name: sessions
-- Sessions that have not run out; the columns in the order of storage.accounts.Session.
SELECT id_hash, user, credentials, expires FROM sessions WHERE expires > :now

-- name: insert_session
INSERT INTO sessions (id_hash, user, credentials, expires) VALUES (:id_hash, :user, :credentials, :expires)

-- name: delete_session
DELETE FROM sessions WHERE id_hash = :id_hash

-- name: delete_sessions_of
DELETE FROM sessions WHERE user = :user

-- name: delete_expired_sessions
DELETE FROM sessions WHERE expires <= :now RETURNING id_hash

-- name: delete_surplus_sessions
-- All of a user's sessions but those that last longest.
DELETE FROM sessions WHERE user = :user AND id_hash NOT IN (
    SELECT id_hash FROM sessions WHERE user = :user ORDER BY expires DESC LIMIT :keep)
RETURNING id_hash
