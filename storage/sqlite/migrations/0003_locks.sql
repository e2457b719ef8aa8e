-- A task may have several locks: a JSON array of their names, or NULL.

ALTER TABLE tasks RENAME COLUMN lock TO locks;

UPDATE tasks SET locks = json_array(locks) WHERE locks IS NOT NULL;
