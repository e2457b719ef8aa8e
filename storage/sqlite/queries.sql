-- Every statement, named and described. `-- name:` begins one; storage/statements.py reads them.

-- name: head
-- The head of the store; the columns in the order of storage.sqlite.rows.HeadRow.
SELECT store, revision, oldest, not_started, running, finished, exception, aborted, pending_percents FROM head

-- name: set_head
-- The revision and the counts after a batch.
UPDATE head SET revision = :revision, not_started = :not_started, running = :running, finished = :finished,
    exception = :exception, aborted = :aborted, pending_percents = :pending_percents

-- name: set_oldest
-- The oldest `since` that can still be answered.
UPDATE head SET oldest = :oldest

-- name: insert_task
-- A new task; its id is the row's.
INSERT INTO tasks (job, params, description, metadata, locks, needs, unique_key, status, stopping, forced, percent, round,
    rounds, checkpoint_round, message, created, started, last_modified, ended, stalled, result, result_bytes, error,
    outcome, interruptions, deaths, priority, not_before, created_by, ended_by, retry_of, pinned, revision, params_bytes)
VALUES (:job, :params, :description, :metadata, :locks, :needs, :unique_key, 'Not Started', 0, 0, 0, 0,
    :rounds, 0, '', :created, NULL, :created, NULL, 0, NULL, NULL, NULL,
    '', 0, 0, :priority, :not_before, :created_by, NULL, :retry_of, 0, :revision, :params_bytes)

-- name: insert_tasks
-- Many new tasks, as arrays of the fields of a Draft and the size of its parameters; their ids are consecutive, and so
-- are their revisions.
INSERT INTO tasks (job, params, description, metadata, locks, needs, unique_key, status, stopping, forced, percent, round,
    rounds, checkpoint_round, message, created, started, last_modified, ended, stalled, result, result_bytes, error,
    outcome, interruptions, deaths, priority, not_before, created_by, ended_by, retry_of, pinned, revision, params_bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, nullif(value ->> 4, '[]'), nullif(value ->> 5, '[]'), value ->> 6,
    'Not Started', 0, 0, 0, 0, value ->> 12, 0, '', value ->> 7, NULL, value ->> 7, NULL, 0, NULL, NULL, NULL,
    '', 0, 0, value ->> 8, value ->> 9, value ->> 10, NULL, value ->> 11, 0, :revision + key, value ->> 13
FROM json_each(:rows)

-- name: insert_all_words
INSERT INTO task_words (rowid, words) SELECT :id + key, value FROM json_each(:words)

-- name: insert_creations
-- The transitions of many new tasks.
INSERT INTO transitions (revision, task, before, after, at)
SELECT :revision + key, :id + key, NULL, 'Not Started', value FROM json_each(:times)

-- name: insert_words
-- The words of a task's description.
INSERT INTO task_words (rowid, words) VALUES (:id, :words)

-- name: delete_words
-- Removes a task's words from the index; they must be the same that were inserted. Former words stay: they no longer
-- find a task.
INSERT INTO task_words (task_words, rowid, words)
SELECT 'delete', :id, :words WHERE :id > coalesce((SELECT up_to FROM renewal), 0)

-- name: renewal
SELECT up_to FROM renewal

-- name: set_renewal
UPDATE renewal SET up_to = :up_to

-- name: delete_renewal
DELETE FROM renewal

-- name: descriptions_down_from
SELECT id, description FROM tasks WHERE id <= :up_to ORDER BY id DESC LIMIT :limit

-- name: insert_renewed_words
INSERT INTO task_words (rowid, words) SELECT value ->> 0, value ->> 1 FROM json_each(:rows)

-- name: forget_former_words
-- Some blocks of the full-text index; without those up to 10, where FTS5 stores its structure, it cannot be dropped.
DELETE FROM former_words_data WHERE id IN (SELECT id FROM former_words_data WHERE id > 10 LIMIT :limit)

-- name: drop_former_words
DROP TABLE former_words

-- name: update_task
-- A compare-and-set: no row if another change was first.
UPDATE tasks SET status = :status, stopping = :stopping, forced = :forced, percent = :percent, round = :round,
    rounds = :rounds, checkpoint_round = :checkpoint_round, message = :message, started = :started,
    last_modified = :last_modified, ended = :ended, stalled = :stalled, result = :result,
    result_bytes = :result_bytes, error = :error, outcome = :outcome, if_aborted = :if_aborted,
    interruptions = :interruptions, deaths = :deaths, ended_by = :ended_by, pinned = :pinned, revision = :revision,
    attempt = :attempt, place = :place, locks = coalesce(:new_locks, locks),
    rounds_bytes = coalesce(rounds_bytes, :rounds_bytes_before) + :rounds_bytes_added
WHERE id = :id AND status = :expected_status AND revision = :expected_revision
RETURNING rounds_bytes

-- name: delete_task
DELETE FROM tasks WHERE id = :id

-- name: bytes_of_rounds
-- The size of some rounds of a task, by their numbers as a JSON array.
SELECT coalesce(sum(100 + length(CAST(message AS BLOB)) + coalesce(length(CAST(output AS BLOB)), 0)), 0) FROM rounds
WHERE task = :id AND number IN (SELECT value FROM json_each(:numbers))

-- name: oldest_rounds
-- The rounds of a task before a number that are not leftovers, each with its size; read until there are enough.
SELECT number, 100 + length(CAST(message AS BLOB)) + coalesce(length(CAST(output AS BLOB)), 0) FROM rounds
WHERE task = :id AND number < :before AND number > coalesce((SELECT up_to FROM leftovers WHERE task = :id), 0)
ORDER BY number

-- name: newest_rounds
-- The same, the other way round.
SELECT number, 100 + length(CAST(message AS BLOB)) + coalesce(length(CAST(output AS BLOB)), 0) FROM rounds
WHERE task = :id AND number < :before AND number > coalesce((SELECT up_to FROM leftovers WHERE task = :id), 0)
ORDER BY number DESC

-- name: delete_rounds
DELETE FROM rounds
WHERE task = :id AND number <= :up_to AND number > coalesce((SELECT up_to FROM leftovers WHERE task = :id), 0)

-- name: subtract_rounds_bytes
UPDATE tasks SET rounds_bytes = rounds_bytes - :bytes WHERE id = :id

-- name: set_rounds_bytes
UPDATE tasks SET rounds_bytes = :bytes WHERE id = :id

-- name: rounds_left_over
SELECT number, 100 + length(CAST(message AS BLOB)) + coalesce(length(CAST(output AS BLOB)), 0) FROM rounds
WHERE task = :id AND number <= :up_to ORDER BY number LIMIT :limit

-- name: delete_rounds_left_over
DELETE FROM rounds WHERE task = :id AND number <= :up_to

-- name: set_leftover
-- Rounds up to a number that are those of a deleted task, or too many.
-- The task may have been deleted since it was found to have too many.
INSERT INTO leftovers (task, up_to) VALUES (:task, :up_to)
ON CONFLICT (task) DO UPDATE SET up_to = max(up_to, excluded.up_to)

-- name: leftover
SELECT task, up_to FROM leftovers LIMIT 1

-- name: delete_leftover
DELETE FROM leftovers WHERE task = :task

-- name: last_task
SELECT max(id) FROM tasks

-- name: applied
SELECT value FROM applied WHERE setting = :setting

-- name: newest_change
-- When the last change of each kind was made.
SELECT max(at) FROM (
    SELECT at FROM (SELECT at FROM transitions ORDER BY revision DESC LIMIT 1)
    UNION ALL
    SELECT at FROM (SELECT at FROM deletions ORDER BY revision DESC LIMIT 1)
    UNION ALL
    SELECT at FROM (SELECT last_modified AS at FROM tasks WHERE status IN ('Not Started', 'Running')
        ORDER BY revision DESC LIMIT 1)
    UNION ALL
    SELECT at FROM (SELECT last_modified AS at FROM tasks WHERE status IN ('Finished', 'Exception', 'Aborted')
        ORDER BY revision DESC LIMIT 1))

-- name: set_applied
INSERT OR REPLACE INTO applied (setting, value) VALUES (:setting, :value)

-- name: tasks_with_too_many_rounds
-- Tasks with more rounds than are retained, and the number up to which those are leftovers.
SELECT id, round - :most FROM tasks WHERE id > :first AND id <= :last AND round > :most

-- name: tasks_with_rounds
-- Tasks with so many rounds that those may be too large.
SELECT id FROM tasks WHERE id > :first AND id <= :last AND round > :few

-- name: delete_large_result
DELETE FROM large_results WHERE task = :id

-- name: delete_checkpoint
DELETE FROM checkpoints WHERE task = :id

-- name: set_large_result
-- A result over 16 KiB.
INSERT OR REPLACE INTO large_results (task, result) VALUES (:id, :result)

-- name: large_result
SELECT result FROM large_results WHERE task = :id

-- name: set_large_params
-- Parameters over 16 KiB.
INSERT INTO large_params (task, params) VALUES (:id, :params)

-- name: large_params
SELECT params FROM large_params WHERE task = :id

-- name: delete_large_params
DELETE FROM large_params WHERE task = :id

-- name: set_checkpoint
-- The checkpoint of the last round.
INSERT OR REPLACE INTO checkpoints (task, round, data) VALUES (:id, :round, :data)

-- name: checkpoint
SELECT round, data FROM checkpoints WHERE task = :id

-- name: set_round
-- A round; one that is repeated after an interruption replaces the one of its number.
INSERT OR REPLACE INTO rounds (task, number, at, seconds, percent, message, output, revision)
VALUES (:id, :number, :at, :seconds, :percent, :message, :output, :revision)

-- name: rounds
-- Rounds after a number, in order; read one after another, until there are enough.
SELECT number, at, seconds, percent, message, output, revision FROM rounds
WHERE task = :id AND number > :after ORDER BY number

-- name: rounds_without_output
SELECT number, at, seconds, percent, message, NULL, revision FROM rounds
WHERE task = :id AND number > :after ORDER BY number LIMIT 1000

-- name: has_rounds_after
SELECT EXISTS (SELECT 1 FROM rounds WHERE task = :id AND number > :after)

-- name: watched_rounds
-- Rounds after a position, in order of commit; read one after another, until there are enough.
SELECT number, at, seconds, percent, message, output, revision FROM rounds INDEXED BY rounds_by_revision
WHERE task = :task AND (revision, number) > (:revision, :number) AND revision <= :up_to
    AND (number > :after OR revision > :began) AND EXISTS (SELECT 1 FROM tasks WHERE id = :task)
ORDER BY revision, number

-- name: insert_transition
INSERT INTO transitions (revision, task, before, after, at) VALUES (:revision, :task, :before, :after, :at)

-- name: insert_deletion
INSERT INTO deletions (revision, task, at) VALUES (:revision, :task, :at)

-- name: task
-- One task by id, with the result that its row holds.
SELECT {columns} FROM tasks WHERE id = :id

-- name: pending_with_key
-- The pending task with the unique key of a draft.
SELECT {columns} FROM tasks
WHERE unique_key = :unique_key AND unique_key IS NOT NULL AND status IN ('Not Started', 'Running')

-- name: tasks_by_id
-- Tasks in the order of an array of ids.
SELECT {columns} FROM json_each(:ids) AS place CROSS JOIN tasks ON tasks.id = place.value

-- name: unfinished
-- Pending and stopping tasks, by id, for a start of the server. Left to the planner, it reads all tasks.
SELECT id FROM tasks INDEXED BY tasks_pending_by_revision WHERE status IN ('Not Started', 'Running')
UNION ALL
SELECT id FROM tasks INDEXED BY tasks_stopping WHERE stopping = 1
ORDER BY 1

-- name: transitions_between
SELECT task, before, after, at, revision FROM transitions
WHERE revision > :since AND revision <= :up_to ORDER BY revision

-- name: interruptions
-- The newest first, each with when the task was taken again: that is its next transition, searched among so many that
-- follow. There is no index of all transitions by task, which would cost every write.
SELECT at, (
    SELECT CASE after WHEN 'Running' THEN at END FROM (
        SELECT task, after, at FROM transitions
        WHERE revision > interruption.revision ORDER BY revision LIMIT :at_most)
    WHERE task = :task LIMIT 1)
FROM transitions AS interruption INDEXED BY transitions_of_interruptions
WHERE task = :task AND before = 'Running' AND after = 'Not Started' ORDER BY revision DESC LIMIT :limit

-- name: deletions_between
SELECT task FROM deletions WHERE revision > :since AND revision <= :up_to ORDER BY revision

-- name: tasks_between
-- Tasks whose last change is between. Left to the planner, it sorts all that have ended, for each frame.
SELECT {columns} FROM tasks INDEXED BY tasks_pending_by_revision
WHERE status IN ('Not Started', 'Running') AND revision > :since AND revision <= :up_to
UNION ALL
SELECT {columns} FROM tasks INDEXED BY tasks_final_by_revision
WHERE status IN ('Finished', 'Exception', 'Aborted') AND revision > :since AND revision <= :up_to
ORDER BY {by_revision}

-- name: last_forgettable
-- Of the first retained revisions, the last that was committed before a time.
SELECT max(revision) FROM (
    SELECT revision, at FROM (
        SELECT * FROM (SELECT revision, at FROM transitions ORDER BY revision LIMIT :limit)
        UNION ALL
        SELECT * FROM (SELECT revision, at FROM deletions ORDER BY revision LIMIT :limit))
    ORDER BY revision LIMIT :limit)
WHERE at < :before

-- name: forget_transitions
DELETE FROM transitions WHERE revision <= :up_to

-- name: forget_deletions
DELETE FROM deletions WHERE revision <= :up_to

-- name: statuses_of_places
SELECT tasks.id, tasks.status FROM ({places}) AS place CROSS JOIN tasks ON tasks.id = place.id ORDER BY tasks.id

-- name: places
-- Places in an ordering, of `parts` that are joined by UNION ALL and merged as they come.
{parts} ORDER BY 1 {direction}, 2 {direction} LIMIT :limit OFFSET :offset

-- name: count_parts
SELECT count(*) FROM (SELECT 1 FROM ({parts}) LIMIT :limit)

-- name: part_pending
-- By an index of pending tasks, which are few: left to the planner, an ordering by id looked through all tasks.
SELECT {key} AS key, id FROM tasks INDEXED BY tasks_pending_by_revision
WHERE status = '{status}' AND status IN ('Not Started', 'Running') AND {conditions}

-- name: part_final
-- By one index, whatever the planner thinks: that of the ordering, or that of a selective filter.
SELECT {key} AS key, id FROM tasks INDEXED BY {index}
WHERE status = '{status}' AND status IN ('Finished', 'Exception', 'Aborted') AND {conditions}

-- name: part_of_words
-- The side of the words drives the join: left to the planner, a common word took seconds.
SELECT {key} AS key, id FROM task_words CROSS JOIN tasks ON tasks.id = task_words.rowid
WHERE task_words MATCH :search AND status IN ({statuses}) AND {conditions}

-- name: part_of_former_words
-- The same of tasks whose words have not been renewed yet.
SELECT {key} AS key, id FROM former_words CROSS JOIN tasks ON tasks.id = former_words.rowid
WHERE former_words MATCH :former_search AND former_words.rowid <= :former_up_to
    AND status IN ({statuses}) AND {conditions}

-- name: count_words
SELECT count(*) FROM (SELECT 1 FROM task_words WHERE task_words MATCH :search LIMIT :limit)

-- name: count_former_words
SELECT count(*) FROM (
    SELECT 1 FROM former_words
    WHERE former_words MATCH :former_search AND rowid <= :former_up_to LIMIT :limit)

-- name: condition_search
-- Not by FTS5, which would read all its entries of the words again for each task: seconds.
has_words(description, :words)

-- name: condition_job
job = :job

-- name: condition_created_by
created_by = :created_by

-- name: condition_changed
-- Created or ended after a revision. If no task has changed since, the transitions are not read.
revision > :as_of AND id IN (
    SELECT task FROM transitions
    WHERE transitions.revision > :as_of AND (before IS NULL OR after IN ('Finished', 'Exception', 'Aborted')))

-- name: condition_as_of
NOT ({changed})

-- name: condition_runtime
runtime IS NOT NULL

-- name: condition_no_runtime
runtime IS NULL

-- name: condition_equal_after_id
{key} = :after_key AND id {beyond} :after_id

-- name: condition_beyond
{key} {beyond} :after_key

-- name: condition_after_id
id {beyond} :after_id

-- name: users
-- All users, by name; the columns in the order of accounts.model.User.
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
-- The admins besides this user.
SELECT count(*) FROM users WHERE role = 'admin' AND name <> :name

-- name: sessions
-- Sessions that have not expired; the columns in the order of accounts.model.Session.
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
-- All of a user's sessions but those that expire last.
DELETE FROM sessions WHERE id_hash IN (
    SELECT id_hash FROM sessions WHERE user = :user ORDER BY expires DESC LIMIT -1 OFFSET :keep)
RETURNING id_hash

-- name: task_with_request
-- The task that was created with the key of a request; no columns of it if it has been deleted.
SELECT request_keys.body_hash, request_keys.task, {columns}
FROM request_keys LEFT JOIN tasks ON tasks.id = request_keys.task
WHERE user = :user AND path = :path AND key = :key AND at > :since

-- name: set_request_key
INSERT OR REPLACE INTO request_keys (user, path, key, body_hash, task, at)
VALUES (:user, :path, :key, :body_hash, :task, :at)

-- name: forget_request_keys
DELETE FROM request_keys WHERE (user, path, key) IN (
    SELECT user, path, key FROM request_keys WHERE at <= :before ORDER BY at LIMIT :limit)

-- name: add_to_minute
INSERT INTO minutes (minute, created, started, finished, failed, ran, waiting_ms, running_ms)
VALUES (:minute, :created, :started, :finished, :failed, :ran, :waiting_ms, :running_ms)
ON CONFLICT (minute) DO UPDATE SET created = created + excluded.created, started = started + excluded.started,
    finished = finished + excluded.finished, failed = failed + excluded.failed, ran = ran + excluded.ran,
    waiting_ms = waiting_ms + excluded.waiting_ms, running_ms = running_ms + excluded.running_ms

-- name: minutes
SELECT minute, created, started, finished, failed, ran, waiting_ms, running_ms FROM minutes
WHERE minute >= :first ORDER BY minute

-- name: forget_minutes
DELETE FROM minutes WHERE minute < :before

-- name: due
-- Ended tasks of a status that retention removes, oldest first, as they are shown.
SELECT id, description, last_modified FROM tasks INDEXED BY tasks_final_by_last_modified
WHERE status = :status AND status IN ('Finished', 'Exception', 'Aborted') AND last_modified < :before
    AND pinned = 0 AND stopping = 0
ORDER BY last_modified, id LIMIT :limit

-- name: count_due
SELECT count(*) FROM (
    SELECT 1 FROM tasks INDEXED BY tasks_final_by_last_modified
    WHERE status = :status AND status IN ('Finished', 'Exception', 'Aborted') AND last_modified < :before
        AND pinned = 0 AND stopping = 0
    LIMIT :limit)

-- name: first_due
SELECT last_modified FROM tasks INDEXED BY tasks_final_by_last_modified
WHERE status = :status AND status IN ('Finished', 'Exception', 'Aborted') AND pinned = 0 AND stopping = 0
ORDER BY last_modified LIMIT 1

-- name: store_image_result
-- What a task found of an image; a newer result stays.
INSERT INTO image_results (fsid, pool, namespace, image, task, at, size_bytes, used_bytes, figures, sparkline)
VALUES (:fsid, :pool, :namespace, :image, :task, :at, :size_bytes, :used_bytes, :figures, :sparkline)
ON CONFLICT (fsid, pool, namespace, image) DO UPDATE SET task = excluded.task, at = excluded.at,
    size_bytes = excluded.size_bytes, used_bytes = excluded.used_bytes, figures = excluded.figures,
    sparkline = excluded.sparkline
WHERE (excluded.at, excluded.task) >= (image_results.at, image_results.task)

-- name: image_results
-- The columns in the order of ceph.images.result_store.ImageResult.
SELECT pool, namespace, image, task, at, size_bytes, used_bytes, figures, sparkline FROM image_results
WHERE fsid = :fsid ORDER BY pool, namespace, image

-- name: last_image_result
-- When the last task ended whose results are stored.
SELECT max(at) FROM image_results

-- name: delete_older_results_of_cluster
-- Results of images that a task did not find although it read all of them. What it could not read may still exist.
DELETE FROM image_results WHERE fsid = :fsid AND (at, task) < (:at, :task)
    AND pool NOT IN (SELECT value FROM json_each(:unread_pools))
    AND (pool, namespace, image) NOT IN (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
        FROM json_each(:unread_images))

-- name: delete_older_results_of_pool
DELETE FROM image_results WHERE fsid = :fsid AND pool = :pool AND (at, task) < (:at, :task)
    AND pool NOT IN (SELECT value FROM json_each(:unread_pools))
    AND (pool, namespace, image) NOT IN (
        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
        FROM json_each(:unread_images))

-- name: forget_image_results
DELETE FROM image_results WHERE (fsid, pool, namespace, image) IN (
    SELECT fsid, pool, namespace, image FROM image_results WHERE at < :before ORDER BY at LIMIT :limit)

-- name: mark
-- See storage/sqlite/mark.py.
SELECT run, step, base FROM head

-- name: begin_run
UPDATE head SET run = :run, step = 1, base = 0

-- name: next_step
-- With each commit. If everything before it is in the main file, the log begins here.
UPDATE head SET step = step + 1, base = CASE WHEN :is_checkpointed THEN step ELSE base END

-- name: store_name
SELECT store FROM head

-- name: rename_store
-- For a copy: no revision that a client has seen of the original is or will be one of this database.
UPDATE head SET store = lower(hex(randomblob(8))), revision = revision + 1000000000, oldest = revision + 1000000000

-- name: begin_ids
-- The row that SQLite inserts with the first task.
INSERT INTO sqlite_sequence (name, seq) SELECT 'tasks', 0
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'tasks')

-- name: skip_ids
-- Skips the ids that the original may have given to tasks which this copy does not have.
UPDATE sqlite_sequence SET seq = seq + 1000000 WHERE name = 'tasks'

-- name: store_pool_creation
INSERT OR REPLACE INTO pool_creations (fsid, name, pg_num, application, newest_pool, at, user, request_path,
    request_key, request_body_hash, pool, task)
VALUES (:fsid, :name, :pg_num, :application, :newest_pool, :at, :user, :request_path,
    :request_key, :request_body_hash, :pool, :task)

-- name: forget_pool_creation
-- Unless another one has begun under that name.
DELETE FROM pool_creations WHERE fsid = :fsid AND name = :name AND at = :at

-- name: pool_creations
-- All creations that have begun, which are few; the columns in the order of
-- ceph.pool_changes.creation_store.PoolCreation.
SELECT fsid, name, pg_num, application, newest_pool, at, user, request_path, request_key, request_body_hash, pool, task
FROM pool_creations
