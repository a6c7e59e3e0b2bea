-- Each stored change of an evaluation appends what it replaced, in the same transaction, whoever writes: the Worker, a
-- console or a script. A writer that does not move updated_at on, or does not name its write, has that done here: the
-- entity tag, the chain of the history and the recognition of retries stand on them. The update inside does not fire the
-- trigger again, because SQLite has recursive_triggers off. A table rebuild drops triggers silently: test/history.test.ts
-- fails then.
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
		NULL, -- A write of the Worker needs nothing here, and reads no row.
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

	-- A write of the Worker with a key: its name has 32 digits (write.ts).
	INSERT OR IGNORE INTO `keyed_write` (`account_id`, `evaluation_id`, `write_id`, `value`, `updated_at`)
	SELECT NEW.`account_id`, NEW.`id`, NEW.`write_id`, NEW.`value`, NEW.`updated_at`
	WHERE length(NEW.`write_id`) = 32
		AND NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`)
		AND OLD.`write_id` IS NOT NEW.`write_id`;
END;
--> statement-breakpoint
-- What has happened does not change. Deleting stays possible: an account may have to be erased.
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
-- What was noted of an evaluation goes with it, so that nobody who creates the same id later reads it.
-- read: only the history of the evaluation that is deleted goes.
CREATE TRIGGER `run_evaluation_takes_its_history_along`
AFTER DELETE ON `run_evaluation`
BEGIN
	DELETE FROM `run_evaluation_history` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
	-- read: and only the writes of that evaluation.
	DELETE FROM `keyed_write` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
END;
--> statement-breakpoint
-- A deletion is noted, and the note deletes. It also deletes notes that are too old to matter, ten at a time, so that a
-- deletion costs the same however many there are.
-- read: only the evaluation goes that the caller deletes.
CREATE TRIGGER `deleted_evaluation_deletes`
AFTER INSERT ON `deleted_evaluation`
BEGIN
	DELETE FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`evaluation_id`;
	-- read: the notes hold no value.
	DELETE FROM `deleted_evaluation`
	WHERE (`account_id`, `evaluation_id`, `deleted_at`, `write_id`) IN (
		SELECT `account_id`, `evaluation_id`, `deleted_at`, `write_id` FROM `deleted_evaluation`
		WHERE `account_id` = NEW.`account_id` AND `deleted_at` < strftime('%Y-%m-%dT%H:%M:%fZ', NEW.`deleted_at`, '-7 days')
		ORDER BY `deleted_at`
		LIMIT 10
	);
END;
--> statement-breakpoint
-- To SQLite INSERT OR REPLACE is a delete, which fires no trigger, and an insert: the old value would be lost.
CREATE TRIGGER `run_evaluation_is_not_replaced`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation exists: update it');
END;
--> statement-breakpoint
-- History keeps values and authors; nothing else of an evaluation can change, so nothing else can be lost.
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
-- A stored value is a number or an index into categories: under another rule it would say what nobody said. Who needs
-- another rule makes another label.
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
-- What a CHECK cannot see. What is no JSON, a CHECK refuses.
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
-- As with evaluations: a writer that does not move updated_at on, or does not name its write, has that done here. A write of
-- the Worker needs nothing here.
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
-- A revocation deletes revocations of the account's links that have expired, so that they do not pile up: twenty at a
-- time, so that it costs the same however many there are. It waits an hour after the expiry, because the clocks of the
-- edges, which decide whether a link has expired, may differ.
-- read: only revocations of expired links are deleted, and no request looks for those.
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
-- An account that lives in an object (src/db/account-object.ts) is written only there, whichever version of the Worker asks.
-- Deleting stays possible: the object deletes what it has copied.
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
