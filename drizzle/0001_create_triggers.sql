-- Each stored change of an evaluation appends the replaced value to the history, in the same
-- transaction, for every writer: the Worker, a console or a script. If a writer does not increase
-- updated_at or does not name its write, the trigger does so. Entity tags, the order of the history
-- and the recognition of retries depend on both columns. The update inside does not fire the
-- trigger again, because SQLite's recursive_triggers is off. A table rebuild drops triggers
-- silently: then test/history.test.ts fails.
CREATE TRIGGER `run_evaluation_keeps_history`
AFTER UPDATE ON `run_evaluation`
WHEN OLD.`value` IS NOT NEW.`value`
	OR OLD.`updated_by` IS NOT NEW.`updated_by`
	OR OLD.`updated_at` IS NOT NEW.`updated_at`
	OR OLD.`write_id` IS NOT NEW.`write_id`
BEGIN
	UPDATE `run_evaluation`
	SET
		`updated_at` = CASE WHEN NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) THEN NEW.`updated_at` ELSE max(
			strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
			strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.`updated_at`, OLD.`created_at`), '+0.001 seconds')
		) END,
		`write_id` = CASE WHEN OLD.`write_id` IS NOT NEW.`write_id` THEN NEW.`write_id` ELSE lower(hex(randomblob(12))) END
	WHERE `account_id` = NEW.`account_id` AND `id` = iif(
		NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) AND OLD.`write_id` IS NOT NEW.`write_id`,
		NULL, -- The Worker has set both columns, so its write updates and reads no row.
		NEW.`id`
	);

	INSERT INTO `run_evaluation_history`
		(`account_id`, `evaluation_id`, `value`, `updated_by`, `updated_at`, `replaced_by`, `replaced_at`, `write_id`)
	VALUES (
		OLD.`account_id`,
		OLD.`id`,
		OLD.`value`,
		CASE WHEN OLD.`updated_at` IS NULL THEN coalesce(OLD.`created_by`, OLD.`created_by_evaluator_id`) ELSE OLD.`updated_by` END,
		coalesce(OLD.`updated_at`, OLD.`created_at`),
		NEW.`updated_by`,
		CASE WHEN NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) THEN NEW.`updated_at` ELSE (
			SELECT `updated_at` FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`
		) END,
		OLD.`write_id`
	);

	-- The name of a write with a key has 32 digits (write.ts). Only the Worker makes such names.
	INSERT OR IGNORE INTO `keyed_write` (`account_id`, `evaluation_id`, `write_id`, `value`, `updated_at`)
	SELECT NEW.`account_id`, NEW.`id`, NEW.`write_id`, NEW.`value`, NEW.`updated_at`
	WHERE length(NEW.`write_id`) = 32
		AND NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`)
		AND OLD.`write_id` IS NOT NEW.`write_id`;
END;
--> statement-breakpoint
-- No entry of the history ever changes. A deletion stays possible, because an operator may have to
-- erase an account.
CREATE TRIGGER `run_evaluation_history_is_append_only`
BEFORE UPDATE ON `run_evaluation_history`
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation_history is append-only');
END;
--> statement-breakpoint
CREATE TRIGGER `run_evaluation_history_replaces_nothing`
BEFORE INSERT ON `run_evaluation_history`
WHEN EXISTS (
	SELECT 1 FROM `run_evaluation_history`
	WHERE `account_id` = NEW.`account_id` AND `evaluation_id` = NEW.`evaluation_id` AND `replaced_at` = NEW.`replaced_at`
)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation_history is append-only');
END;
--> statement-breakpoint
-- The history and the keyed writes of an evaluation are deleted with it, so that nobody who creates
-- the same id later can read them.
-- read: deletes only the history of the deleted evaluation.
CREATE TRIGGER `run_evaluation_takes_its_history_along`
AFTER DELETE ON `run_evaluation`
BEGIN
	DELETE FROM `run_evaluation_history` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
	-- read: deletes only the keyed writes of the same evaluation.
	DELETE FROM `keyed_write` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
END;
--> statement-breakpoint
-- A row for a deletion deletes the evaluation. The trigger also deletes up to ten rows that are too
-- old to matter, so that a deletion costs the same no matter how many rows are old.
-- read: deletes only the evaluation that the caller deletes.
CREATE TRIGGER `deleted_evaluation_deletes`
AFTER INSERT ON `deleted_evaluation`
BEGIN
	DELETE FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`evaluation_id`;
	-- read: rows of deletions contain no value.
	DELETE FROM `deleted_evaluation`
	WHERE (`account_id`, `evaluation_id`, `deleted_at`, `write_id`) IN (
		SELECT `account_id`, `evaluation_id`, `deleted_at`, `write_id` FROM `deleted_evaluation`
		WHERE `account_id` = NEW.`account_id` AND `deleted_at` < strftime('%Y-%m-%dT%H:%M:%fZ', NEW.`deleted_at`, '-7 days')
		ORDER BY `deleted_at`
		LIMIT 10
	);
END;
--> statement-breakpoint
-- SQLite runs INSERT OR REPLACE as a delete that fires no trigger, and an insert: the old value
-- would be lost.
CREATE TRIGGER `run_evaluation_is_not_replaced`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation exists: update it');
END;
--> statement-breakpoint
-- The history keeps only values and authors. So no other column of an evaluation may change, and
-- nothing can be lost.
CREATE TRIGGER `run_evaluation_changes_value_only`
BEFORE UPDATE ON `run_evaluation`
WHEN OLD.`id` IS NOT NEW.`id`
	OR OLD.`account_id` IS NOT NEW.`account_id`
	OR OLD.`run_id` IS NOT NEW.`run_id`
	OR OLD.`output_name` IS NOT NEW.`output_name`
	OR OLD.`field_path` IS NOT NEW.`field_path`
	OR OLD.`evaluation_label_id` IS NOT NEW.`evaluation_label_id`
	OR OLD.`created_by` IS NOT NEW.`created_by`
	OR OLD.`created_by_evaluator_id` IS NOT NEW.`created_by_evaluator_id`
	OR OLD.`created_at` IS NOT NEW.`created_at`
BEGIN
	SELECT RAISE(ABORT, 'only value, updated_by and updated_at of a run_evaluation can change');
END;
--> statement-breakpoint
-- A stored value is a number or an index into categories: under another rule it would get another
-- meaning. For another rule, create another label.
CREATE TRIGGER `evaluation_label_keeps_its_rule`
BEFORE UPDATE ON `evaluation_label`
WHEN OLD.`id` IS NOT NEW.`id`
	OR OLD.`account_id` IS NOT NEW.`account_id`
	OR OLD.`value_type` IS NOT NEW.`value_type`
	OR OLD.`min_value` IS NOT NEW.`min_value`
	OR OLD.`max_value` IS NOT NEW.`max_value`
	OR OLD.`categories` IS NOT NEW.`categories`
	OR OLD.`created_by` IS NOT NEW.`created_by`
	OR OLD.`created_at` IS NOT NEW.`created_at`
	OR OLD.`create_digest` IS NOT NEW.`create_digest`
BEGIN
	SELECT RAISE(ABORT, 'only name, description and archived_at of an evaluation_label can change');
END;
--> statement-breakpoint
-- INSERT OR REPLACE would change the rule.
CREATE TRIGGER `evaluation_label_is_not_replaced`
BEFORE INSERT ON `evaluation_label`
WHEN EXISTS (SELECT 1 FROM `evaluation_label` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'evaluation_label exists: update it');
END;
--> statement-breakpoint
-- An account's own label takes precedence over a shared label with the same id. An own label that is created later would
-- change the rule of the evaluations that the account has under the shared label.
CREATE TRIGGER `evaluation_label_hides_no_shared_one`
BEFORE INSERT ON `evaluation_label`
WHEN NEW.`account_id` <> 'shared'
	AND EXISTS (SELECT 1 FROM `evaluation_label` WHERE `account_id` = 'shared' AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'a shared evaluation_label has this id: choose another');
END;
--> statement-breakpoint
-- A CHECK constraint cannot look at each category, so this trigger does. A CHECK refuses text that
-- is not JSON.
CREATE TRIGGER `evaluation_label_has_distinct_categories`
BEFORE INSERT ON `evaluation_label`
WHEN NEW.`categories` IS NOT NULL AND json_valid(NEW.`categories`)
BEGIN
	SELECT RAISE(ABORT, 'categories of an evaluation_label must be different non-empty strings of up to 255 characters')
	WHERE (
		SELECT count(*) <> count(DISTINCT `value`)
			OR max(`type` <> 'text' OR `value` = '' OR length(`value`) > 255 OR octet_length(`value`) > 1020)
		FROM json_each(NEW.`categories`)
	);
END;
--> statement-breakpoint
-- If a writer does not increase updated_at or does not name its write, the trigger does so, as for
-- evaluations. The Worker does both, so its writes do not fire this trigger.
CREATE TRIGGER `evaluation_label_moves_on`
AFTER UPDATE ON `evaluation_label`
WHEN (
	OLD.`name` IS NOT NEW.`name`
	OR OLD.`description` IS NOT NEW.`description`
	OR OLD.`archived_at` IS NOT NEW.`archived_at`
	OR OLD.`updated_by` IS NOT NEW.`updated_by`
	OR OLD.`updated_at` IS NOT NEW.`updated_at`
	OR OLD.`write_id` IS NOT NEW.`write_id`
) AND (
	NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) AND OLD.`write_id` IS NOT NEW.`write_id`
) IS NOT TRUE
BEGIN
	UPDATE `evaluation_label`
	SET
		`updated_at` = CASE WHEN NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) THEN NEW.`updated_at` ELSE max(
			strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
			strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.`updated_at`, OLD.`created_at`), '+0.001 seconds')
		) END,
		`write_id` = CASE WHEN OLD.`write_id` IS NOT NEW.`write_id` THEN NEW.`write_id` ELSE lower(hex(randomblob(12))) END
	WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`;
END;
--> statement-breakpoint
-- Each revocation deletes up to twenty revocations of the account's expired links, so that old rows
-- do not pile up, and each revocation costs the same. The trigger waits an hour after the expiry:
-- the clocks of the edges decide whether a link has expired, and they may differ.
-- read: deletes only revocations of expired links, which no request looks for.
CREATE TRIGGER `revoked_link_takes_expired_along`
AFTER INSERT ON `revoked_link`
BEGIN
	DELETE FROM `revoked_link`
	WHERE (`account_id`, `expires_at`, `evaluation_id`, `id`) IN (
		SELECT `account_id`, `expires_at`, `evaluation_id`, `id` FROM `revoked_link`
		WHERE `account_id` = NEW.`account_id` AND `expires_at` < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour')
		ORDER BY `expires_at`
		LIMIT 20
	);
END;
--> statement-breakpoint
-- The next six triggers refuse every write for an account that lives in an object
-- (src/db/account-object.ts), even by an old version of the Worker. A deletion stays possible,
-- because the object deletes the rows that it has copied.
CREATE TRIGGER `run_evaluation_insert_is_of_account_in_d1`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
--> statement-breakpoint
CREATE TRIGGER `run_evaluation_update_is_of_account_in_d1`
BEFORE UPDATE ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
--> statement-breakpoint
CREATE TRIGGER `deleted_evaluation_insert_is_of_account_in_d1`
BEFORE INSERT ON `deleted_evaluation`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
--> statement-breakpoint
CREATE TRIGGER `evaluation_label_insert_is_of_account_in_d1`
BEFORE INSERT ON `evaluation_label`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
--> statement-breakpoint
CREATE TRIGGER `evaluation_label_update_is_of_account_in_d1`
BEFORE UPDATE ON `evaluation_label`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
--> statement-breakpoint
CREATE TRIGGER `revoked_link_insert_is_of_account_in_d1`
BEFORE INSERT ON `revoked_link`
WHEN EXISTS (SELECT 1 FROM `account_object` WHERE `account_id` = NEW.`account_id`)
BEGIN
	SELECT RAISE(ABORT, 'the account lives in an object');
END;
