-- Stores the replaced value of an evaluation in the history. If the writer did not set a later
-- updated_at or a new write_id, the trigger sets it.
CREATE TRIGGER `run_evaluation_keeps_history`
AFTER UPDATE ON `run_evaluation`
WHEN OLD.`value` IS NOT NEW.`value`
	OR OLD.`updated_by` IS NOT NEW.`updated_by`
	OR OLD.`updated_at` IS NOT NEW.`updated_at`
	OR OLD.`write_id` IS NOT NEW.`write_id`
BEGIN
	-- This UPDATE does not fire the trigger again, because recursive_triggers is off in SQLite.
	UPDATE `run_evaluation`
	SET
		`updated_at` = CASE WHEN NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) THEN NEW.`updated_at` ELSE max(
			strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
			strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.`updated_at`, OLD.`created_at`), '+0.001 seconds')
		) END,
		`write_id` = CASE WHEN OLD.`write_id` IS NOT NEW.`write_id` THEN NEW.`write_id` ELSE lower(hex(randomblob(12))) END
	WHERE `account_id` = NEW.`account_id` AND `id` = iif(
		NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`) AND OLD.`write_id` IS NOT NEW.`write_id`,
		NULL, -- The writer set both columns, as the Worker does: this UPDATE finds no row.
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

	-- Only a request with an Idempotency-Key has a write_id of 32 digits (write.ts).
	INSERT OR IGNORE INTO `keyed_write` (`account_id`, `evaluation_id`, `write_id`, `value`, `updated_at`)
	SELECT NEW.`account_id`, NEW.`id`, NEW.`write_id`, NEW.`value`, NEW.`updated_at`
	WHERE length(NEW.`write_id`) = 32
		AND NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`)
		AND OLD.`write_id` IS NOT NEW.`write_id`;
END;
--> statement-breakpoint
-- Refuses every change of a history entry. An operator may still delete entries to erase an
-- account.
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
-- Without this trigger, a caller who creates an evaluation with the same id could read old values.
-- read: deletes only the history of the deleted evaluation.
CREATE TRIGGER `run_evaluation_takes_its_history_along`
AFTER DELETE ON `run_evaluation`
BEGIN
	DELETE FROM `run_evaluation_history` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
	-- read: deletes only the keyed writes of the same evaluation.
	DELETE FROM `keyed_write` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
END;
--> statement-breakpoint
-- Deletes the evaluation. The limit of ten old rows keeps the cost of a deletion constant.
-- read: deletes only the evaluation that the caller deletes.
CREATE TRIGGER `deleted_evaluation_deletes`
AFTER INSERT ON `deleted_evaluation`
BEGIN
	DELETE FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`evaluation_id`;
	-- read: deletes only old rows of deleted_evaluation, which contain no value.
	DELETE FROM `deleted_evaluation`
	WHERE (`account_id`, `evaluation_id`, `deleted_at`, `write_id`) IN (
		SELECT `account_id`, `evaluation_id`, `deleted_at`, `write_id` FROM `deleted_evaluation`
		WHERE `account_id` = NEW.`account_id` AND `deleted_at` < strftime('%Y-%m-%dT%H:%M:%fZ', NEW.`deleted_at`, '-7 days')
		ORDER BY `deleted_at`
		LIMIT 10
	);
END;
--> statement-breakpoint
-- Without this trigger, INSERT OR REPLACE would delete the old value without storing it in the
-- history.
CREATE TRIGGER `run_evaluation_is_not_replaced`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation exists: update it');
END;
--> statement-breakpoint
-- Refuses changes of columns whose old content the history does not store.
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
-- Refuses changes of the rule of a label, because stored values would change their meaning.
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
-- Refuses an INSERT with an existing id, because INSERT OR REPLACE could change the rule of the
-- label.
CREATE TRIGGER `evaluation_label_is_not_replaced`
BEFORE INSERT ON `evaluation_label`
WHEN EXISTS (SELECT 1 FROM `evaluation_label` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'evaluation_label exists: update it');
END;
--> statement-breakpoint
-- Without this trigger, a new label could hide a shared label and change the rule of its
-- evaluations.
CREATE TRIGGER `evaluation_label_hides_no_shared_one`
BEFORE INSERT ON `evaluation_label`
WHEN NEW.`account_id` <> 'shared'
	AND EXISTS (SELECT 1 FROM `evaluation_label` WHERE `account_id` = 'shared' AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'a shared evaluation_label has this id: choose another');
END;
--> statement-breakpoint
-- Checks each category of a new label, which a CHECK constraint cannot do.
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
-- If a script does not set a later updated_at or a new write_id, the trigger sets it.
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
-- The limit of twenty old rows keeps the cost of a revocation constant. The hour is a margin,
-- because the clocks of edge locations may differ.
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
-- Together with the next five triggers, refuses new and changed rows of an account that lives in a
-- Durable Object. Deletions stay possible, because the object deletes the rows that it has copied.
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
