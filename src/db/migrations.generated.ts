// generated: do not edit. Written by `npm run sql` from the migrations in drizzle/.
export const MIGRATIONS = [
  {
    name: '0000_create_tables.sql',
    sql: `
CREATE TABLE account_object (
account_id text PRIMARY KEY NOT NULL,
place text NOT NULL,
life text NOT NULL,
arrived_at text,
CONSTRAINT account_object_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT account_object_place_is_known CHECK(length(place) <= 16 AND place NOT GLOB '*[^a-z-]*'),
CONSTRAINT account_object_life_is_random CHECK(length(life) = 32 AND life NOT GLOB '*[^0-9a-f]*'),
CONSTRAINT account_object_arrived_at_is_timestamp CHECK(arrived_at IS strftime('%Y-%m-%dT%H:%M:%fZ', arrived_at) AND coalesce(arrived_at, '') < '9999')
) STRICT, WITHOUT ROWID;
CREATE TABLE deleted_evaluation (
account_id text NOT NULL,
evaluation_id text NOT NULL,
run_id text NOT NULL,
deleted_at text NOT NULL,
write_id text NOT NULL,
PRIMARY KEY(account_id, evaluation_id, deleted_at, write_id),
CONSTRAINT deleted_evaluation_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT deleted_evaluation_evaluation_id_is_uuid CHECK(evaluation_id LIKE '________-____-____-____-____________' AND evaluation_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(evaluation_id, '-', '')) = 32),
CONSTRAINT deleted_evaluation_run_id_is_uuid CHECK(run_id LIKE '________-____-____-____-____________' AND run_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(run_id, '-', '')) = 32),
CONSTRAINT deleted_evaluation_write_id_is_bounded CHECK(length(write_id) IN (24, 32) AND write_id NOT GLOB '*[^0-9a-f]*'),
CONSTRAINT deleted_evaluation_deleted_at_is_timestamp CHECK(deleted_at IS strftime('%Y-%m-%dT%H:%M:%fZ', deleted_at) AND coalesce(deleted_at, '') < '9999')
) STRICT, WITHOUT ROWID;
CREATE INDEX deleted_evaluation_by_write ON deleted_evaluation (account_id,evaluation_id,run_id,write_id);
CREATE INDEX deleted_evaluation_by_time ON deleted_evaluation (account_id,deleted_at);
CREATE TABLE evaluation_label (
id text NOT NULL,
account_id text NOT NULL,
name text NOT NULL,
description text,
value_type text NOT NULL,
min_value real,
max_value real,
categories text,
archived_at text,
created_by text,
created_at text DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) NOT NULL,
updated_by text,
updated_at text,
create_digest text,
write_id text DEFAULT (lower(hex(randomblob(12)))) NOT NULL,
PRIMARY KEY(account_id, id),
CONSTRAINT evaluation_label_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT evaluation_label_id_is_uuid CHECK(id LIKE '________-____-____-____-____________' AND id NOT GLOB '*[^0-9a-f-]*' AND length(replace(id, '-', '')) = 32),
CONSTRAINT evaluation_label_name_is_bounded CHECK(name <> '' AND length(name) <= 255 AND octet_length(name) <= 1020),
CONSTRAINT evaluation_label_description_is_bounded CHECK(length(description) <= 4096 AND octet_length(description) <= 16384),
CONSTRAINT evaluation_label_value_type_is_known CHECK(value_type IN ('binary', 'continuous', 'categorical', 'ordinal')),
CONSTRAINT evaluation_label_bounds_are_of_continuous CHECK(value_type = 'continuous' OR (min_value IS NULL AND max_value IS NULL)),
CONSTRAINT evaluation_label_min_value_is_finite CHECK(abs(min_value) <= 1.7976931348623157e308),
CONSTRAINT evaluation_label_max_value_is_finite CHECK(abs(max_value) <= 1.7976931348623157e308),
CONSTRAINT evaluation_label_bounds_are_in_order CHECK(min_value <= max_value),
CONSTRAINT evaluation_label_categories_are_of_index_types CHECK((value_type IN ('categorical', 'ordinal')) = (categories IS NOT NULL)),
CONSTRAINT evaluation_label_categories_are_bounded CHECK(octet_length(categories) <= 65536),
CONSTRAINT evaluation_label_categories_are_array CHECK(categories IS NULL OR CASE WHEN json_valid(categories) AND instr(categories, char(0)) = 0 THEN json_type(categories) = 'array' AND json_array_length(categories) BETWEEN 1 AND 1000 AND json(categories) = categories ELSE 0 END),
CONSTRAINT evaluation_label_archived_at_is_timestamp CHECK(archived_at IS strftime('%Y-%m-%dT%H:%M:%fZ', archived_at) AND coalesce(archived_at, '') < '9999'),
CONSTRAINT evaluation_label_create_digest_is_bounded CHECK(length(create_digest) = 32 AND create_digest NOT GLOB '*[^0-9a-f]*'),
CONSTRAINT evaluation_label_created_by_is_bounded CHECK(length(created_by) <= 255 AND octet_length(created_by) <= 1020),
CONSTRAINT evaluation_label_created_at_is_timestamp CHECK(created_at IS strftime('%Y-%m-%dT%H:%M:%fZ', created_at) AND coalesce(created_at, '') < '9999'),
CONSTRAINT evaluation_label_updated_by_is_bounded CHECK(length(updated_by) <= 320 AND octet_length(updated_by) <= 1280),
CONSTRAINT evaluation_label_updated_at_is_timestamp CHECK(updated_at IS strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) AND coalesce(updated_at, '') < '9999'),
CONSTRAINT evaluation_label_write_id_is_bounded CHECK(length(write_id) IN (24, 32) AND write_id NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_label_by_age ON evaluation_label (account_id,created_at,id);
CREATE TABLE keyed_write (
account_id text NOT NULL,
evaluation_id text NOT NULL,
write_id text NOT NULL,
value real NOT NULL,
updated_at text NOT NULL,
PRIMARY KEY(account_id, evaluation_id, write_id),
CONSTRAINT keyed_write_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT keyed_write_evaluation_id_is_uuid CHECK(evaluation_id LIKE '________-____-____-____-____________' AND evaluation_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(evaluation_id, '-', '')) = 32),
CONSTRAINT keyed_write_write_id_is_of_key CHECK(length(write_id) = 32 AND write_id NOT GLOB '*[^0-9a-f]*'),
CONSTRAINT keyed_write_value_is_finite CHECK(abs(value) <= 1.7976931348623157e308),
CONSTRAINT keyed_write_updated_at_is_timestamp CHECK(updated_at IS strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) AND coalesce(updated_at, '') < '9999')
) STRICT, WITHOUT ROWID;
CREATE TABLE revoked_link (
account_id text NOT NULL,
expires_at text NOT NULL,
evaluation_id text NOT NULL,
id text NOT NULL,
PRIMARY KEY(account_id, expires_at, evaluation_id, id),
CONSTRAINT revoked_link_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT revoked_link_expires_at_is_timestamp CHECK(expires_at IS strftime('%Y-%m-%dT%H:%M:%fZ', expires_at) AND coalesce(expires_at, '') < '9999'),
CONSTRAINT revoked_link_evaluation_id_is_uuid CHECK(evaluation_id LIKE '________-____-____-____-____________' AND evaluation_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(evaluation_id, '-', '')) = 32),
CONSTRAINT revoked_link_id_is_uuid CHECK(id LIKE '________-____-____-____-____________' AND id NOT GLOB '*[^0-9a-f-]*' AND length(replace(id, '-', '')) = 32)
) STRICT, WITHOUT ROWID;
CREATE TABLE run_evaluation (
id text NOT NULL,
account_id text NOT NULL,
run_id text NOT NULL,
output_name text,
field_path text,
evaluation_label_id text NOT NULL,
value real NOT NULL,
created_by text,
created_by_evaluator_id text,
created_at text NOT NULL,
updated_by text,
updated_at text,
write_id text DEFAULT (lower(hex(randomblob(12)))) NOT NULL,
PRIMARY KEY(account_id, run_id, created_at, id),
CONSTRAINT run_evaluation_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT run_evaluation_id_is_uuid CHECK(id LIKE '________-____-____-____-____________' AND id NOT GLOB '*[^0-9a-f-]*' AND length(replace(id, '-', '')) = 32),
CONSTRAINT run_evaluation_run_id_is_uuid CHECK(run_id LIKE '________-____-____-____-____________' AND run_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(run_id, '-', '')) = 32),
CONSTRAINT run_evaluation_output_name_is_bounded CHECK(length(output_name) <= 255 AND octet_length(output_name) <= 1020),
CONSTRAINT run_evaluation_field_path_is_bounded CHECK(length(field_path) <= 1024 AND octet_length(field_path) <= 4096),
CONSTRAINT run_evaluation_label_id_is_uuid CHECK(evaluation_label_id LIKE '________-____-____-____-____________' AND evaluation_label_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(evaluation_label_id, '-', '')) = 32),
CONSTRAINT run_evaluation_value_is_finite CHECK(abs(value) <= 1.7976931348623157e308),
CONSTRAINT run_evaluation_evaluator_id_is_uuid CHECK(created_by_evaluator_id IS NULL OR created_by_evaluator_id LIKE '________-____-____-____-____________' AND created_by_evaluator_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(created_by_evaluator_id, '-', '')) = 32),
CONSTRAINT run_evaluation_created_by_is_bounded CHECK(length(created_by) <= 255 AND octet_length(created_by) <= 1020),
CONSTRAINT run_evaluation_created_at_is_timestamp CHECK(created_at IS strftime('%Y-%m-%dT%H:%M:%fZ', created_at) AND coalesce(created_at, '') < '9999'),
CONSTRAINT run_evaluation_updated_by_is_bounded CHECK(length(updated_by) <= 320 AND octet_length(updated_by) <= 1280),
CONSTRAINT run_evaluation_updated_at_is_timestamp CHECK(updated_at IS strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) AND coalesce(updated_at, '') < '9999'),
CONSTRAINT run_evaluation_write_id_is_bounded CHECK(length(write_id) IN (24, 32) AND write_id NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX run_evaluation_by_id ON run_evaluation (account_id,id);
CREATE TABLE run_evaluation_history (
account_id text NOT NULL,
evaluation_id text NOT NULL,
value real NOT NULL,
updated_by text,
updated_at text NOT NULL,
replaced_by text,
replaced_at text NOT NULL,
write_id text NOT NULL,
PRIMARY KEY(account_id, evaluation_id, replaced_at),
CONSTRAINT run_evaluation_history_account_id_is_bounded CHECK(account_id <> '' AND length(account_id) <= 255 AND octet_length(account_id) <= 1020),
CONSTRAINT run_evaluation_history_evaluation_id_is_uuid CHECK(evaluation_id LIKE '________-____-____-____-____________' AND evaluation_id NOT GLOB '*[^0-9a-f-]*' AND length(replace(evaluation_id, '-', '')) = 32),
CONSTRAINT run_evaluation_history_value_is_finite CHECK(abs(value) <= 1.7976931348623157e308),
CONSTRAINT run_evaluation_history_updated_by_is_bounded CHECK(length(updated_by) <= 320 AND octet_length(updated_by) <= 1280),
CONSTRAINT run_evaluation_history_updated_at_is_timestamp CHECK(updated_at IS strftime('%Y-%m-%dT%H:%M:%fZ', updated_at) AND coalesce(updated_at, '') < '9999'),
CONSTRAINT run_evaluation_history_replaced_by_is_bounded CHECK(length(replaced_by) <= 320 AND octet_length(replaced_by) <= 1280),
CONSTRAINT run_evaluation_history_replaced_at_is_timestamp CHECK(replaced_at IS strftime('%Y-%m-%dT%H:%M:%fZ', replaced_at) AND coalesce(replaced_at, '') < '9999'),
CONSTRAINT run_evaluation_history_is_in_order CHECK(updated_at < replaced_at),
CONSTRAINT run_evaluation_history_write_id_is_bounded CHECK(length(write_id) IN (24, 32) AND write_id NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
`,
  },
  {
    name: '0001_create_triggers.sql',
    sql: `
CREATE TRIGGER run_evaluation_keeps_history
AFTER UPDATE ON run_evaluation
WHEN OLD.value IS NOT NEW.value
OR OLD.updated_by IS NOT NEW.updated_by
OR OLD.updated_at IS NOT NEW.updated_at
OR OLD.write_id IS NOT NEW.write_id
BEGIN
UPDATE run_evaluation
SET
updated_at = CASE WHEN NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at) THEN NEW.updated_at ELSE max(
strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.updated_at, OLD.created_at), '+0.001 seconds')
) END,
write_id = CASE WHEN OLD.write_id IS NOT NEW.write_id THEN NEW.write_id ELSE lower(hex(randomblob(12))) END
WHERE account_id = NEW.account_id AND id = iif(
NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at) AND OLD.write_id IS NOT NEW.write_id,
NULL,
NEW.id
);
INSERT INTO run_evaluation_history
(account_id, evaluation_id, value, updated_by, updated_at, replaced_by, replaced_at, write_id)
VALUES (
OLD.account_id,
OLD.id,
OLD.value,
CASE WHEN OLD.updated_at IS NULL THEN coalesce(OLD.created_by, OLD.created_by_evaluator_id) ELSE OLD.updated_by END,
coalesce(OLD.updated_at, OLD.created_at),
NEW.updated_by,
CASE WHEN NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at) THEN NEW.updated_at ELSE (
SELECT updated_at FROM run_evaluation WHERE account_id = NEW.account_id AND id = NEW.id
) END,
OLD.write_id
);
INSERT OR IGNORE INTO keyed_write (account_id, evaluation_id, write_id, value, updated_at)
SELECT NEW.account_id, NEW.id, NEW.write_id, NEW.value, NEW.updated_at
WHERE length(NEW.write_id) = 32
AND NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at)
AND OLD.write_id IS NOT NEW.write_id;
END;
CREATE TRIGGER run_evaluation_history_is_append_only
BEFORE UPDATE ON run_evaluation_history
BEGIN
SELECT RAISE(ABORT, 'run_evaluation_history is append-only');
END;
CREATE TRIGGER run_evaluation_history_replaces_nothing
BEFORE INSERT ON run_evaluation_history
WHEN EXISTS (
SELECT 1 FROM run_evaluation_history
WHERE account_id = NEW.account_id AND evaluation_id = NEW.evaluation_id AND replaced_at = NEW.replaced_at
)
BEGIN
SELECT RAISE(ABORT, 'run_evaluation_history is append-only');
END;
CREATE TRIGGER run_evaluation_takes_its_history_along
AFTER DELETE ON run_evaluation
BEGIN
DELETE FROM run_evaluation_history WHERE account_id = OLD.account_id AND evaluation_id = OLD.id;
DELETE FROM keyed_write WHERE account_id = OLD.account_id AND evaluation_id = OLD.id;
END;
CREATE TRIGGER deleted_evaluation_deletes
AFTER INSERT ON deleted_evaluation
BEGIN
DELETE FROM run_evaluation WHERE account_id = NEW.account_id AND id = NEW.evaluation_id;
DELETE FROM deleted_evaluation
WHERE (account_id, evaluation_id, deleted_at, write_id) IN (
SELECT account_id, evaluation_id, deleted_at, write_id FROM deleted_evaluation
WHERE account_id = NEW.account_id AND deleted_at < strftime('%Y-%m-%dT%H:%M:%fZ', NEW.deleted_at, '-7 days')
ORDER BY deleted_at
LIMIT 10
);
END;
CREATE TRIGGER run_evaluation_is_not_replaced
BEFORE INSERT ON run_evaluation
WHEN EXISTS (SELECT 1 FROM run_evaluation WHERE account_id = NEW.account_id AND id = NEW.id)
BEGIN
SELECT RAISE(ABORT, 'run_evaluation exists: update it');
END;
CREATE TRIGGER run_evaluation_changes_value_only
BEFORE UPDATE ON run_evaluation
WHEN OLD.id IS NOT NEW.id
OR OLD.account_id IS NOT NEW.account_id
OR OLD.run_id IS NOT NEW.run_id
OR OLD.output_name IS NOT NEW.output_name
OR OLD.field_path IS NOT NEW.field_path
OR OLD.evaluation_label_id IS NOT NEW.evaluation_label_id
OR OLD.created_by IS NOT NEW.created_by
OR OLD.created_by_evaluator_id IS NOT NEW.created_by_evaluator_id
OR OLD.created_at IS NOT NEW.created_at
BEGIN
SELECT RAISE(ABORT, 'only value, updated_by and updated_at of a run_evaluation can change');
END;
CREATE TRIGGER evaluation_label_keeps_its_rule
BEFORE UPDATE ON evaluation_label
WHEN OLD.id IS NOT NEW.id
OR OLD.account_id IS NOT NEW.account_id
OR OLD.value_type IS NOT NEW.value_type
OR OLD.min_value IS NOT NEW.min_value
OR OLD.max_value IS NOT NEW.max_value
OR OLD.categories IS NOT NEW.categories
OR OLD.created_by IS NOT NEW.created_by
OR OLD.created_at IS NOT NEW.created_at
OR OLD.create_digest IS NOT NEW.create_digest
BEGIN
SELECT RAISE(ABORT, 'only name, description and archived_at of an evaluation_label can change');
END;
CREATE TRIGGER evaluation_label_is_not_replaced
BEFORE INSERT ON evaluation_label
WHEN EXISTS (SELECT 1 FROM evaluation_label WHERE account_id = NEW.account_id AND id = NEW.id)
BEGIN
SELECT RAISE(ABORT, 'evaluation_label exists: update it');
END;
CREATE TRIGGER evaluation_label_hides_no_shared_one
BEFORE INSERT ON evaluation_label
WHEN NEW.account_id <> 'shared'
AND EXISTS (SELECT 1 FROM evaluation_label WHERE account_id = 'shared' AND id = NEW.id)
BEGIN
SELECT RAISE(ABORT, 'a shared evaluation_label has this id: choose another');
END;
CREATE TRIGGER evaluation_label_has_distinct_categories
BEFORE INSERT ON evaluation_label
WHEN NEW.categories IS NOT NULL AND json_valid(NEW.categories)
BEGIN
SELECT RAISE(ABORT, 'categories of an evaluation_label must be different non-empty strings of up to 255 characters')
WHERE (
SELECT count(*) <> count(DISTINCT value)
OR max(type <> 'text' OR value = '' OR length(value) > 255 OR octet_length(value) > 1020)
FROM json_each(NEW.categories)
);
END;
CREATE TRIGGER evaluation_label_moves_on
AFTER UPDATE ON evaluation_label
WHEN (
OLD.name IS NOT NEW.name
OR OLD.description IS NOT NEW.description
OR OLD.archived_at IS NOT NEW.archived_at
OR OLD.updated_by IS NOT NEW.updated_by
OR OLD.updated_at IS NOT NEW.updated_at
OR OLD.write_id IS NOT NEW.write_id
) AND (
NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at) AND OLD.write_id IS NOT NEW.write_id
) IS NOT TRUE
BEGIN
UPDATE evaluation_label
SET
updated_at = CASE WHEN NEW.updated_at > coalesce(OLD.updated_at, OLD.created_at) THEN NEW.updated_at ELSE max(
strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.updated_at, OLD.created_at), '+0.001 seconds')
) END,
write_id = CASE WHEN OLD.write_id IS NOT NEW.write_id THEN NEW.write_id ELSE lower(hex(randomblob(12))) END
WHERE account_id = NEW.account_id AND id = NEW.id;
END;
CREATE TRIGGER revoked_link_takes_expired_along
AFTER INSERT ON revoked_link
BEGIN
DELETE FROM revoked_link
WHERE (account_id, expires_at, evaluation_id, id) IN (
SELECT account_id, expires_at, evaluation_id, id FROM revoked_link
WHERE account_id = NEW.account_id AND expires_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour')
ORDER BY expires_at
LIMIT 20
);
END;
CREATE TRIGGER run_evaluation_insert_is_of_account_in_d1
BEFORE INSERT ON run_evaluation
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
CREATE TRIGGER run_evaluation_update_is_of_account_in_d1
BEFORE UPDATE ON run_evaluation
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
CREATE TRIGGER deleted_evaluation_insert_is_of_account_in_d1
BEFORE INSERT ON deleted_evaluation
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
CREATE TRIGGER evaluation_label_insert_is_of_account_in_d1
BEFORE INSERT ON evaluation_label
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
CREATE TRIGGER evaluation_label_update_is_of_account_in_d1
BEFORE UPDATE ON evaluation_label
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
CREATE TRIGGER revoked_link_insert_is_of_account_in_d1
BEFORE INSERT ON revoked_link
WHEN EXISTS (SELECT 1 FROM account_object WHERE account_id = NEW.account_id)
BEGIN
SELECT RAISE(ABORT, 'the account lives in an object');
END;
`,
  },
] as const;

/** The Worker needs a database with this migration. */
export const NEWEST_MIGRATION = '0001_create_triggers.sql';
