-- When the Worker, a console or a script changes an evaluation, stores the replaced value in the
-- history. The database stores the change and the history entry in one transaction.
-- If the writer did not increase updated_at, the trigger increases it. If the writer did not set a
-- new write_id, the trigger sets one. Entity tags, the order of the history and the recognition of
-- retries depend on these two columns.
-- The UPDATE below does not fire this trigger again, because recursive_triggers is off in SQLite.
-- If a migration rebuilds the table, SQLite drops this trigger without a warning. Then
-- test/history.test.ts fails.
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

	-- If the request had an Idempotency-Key, stores the write in keyed_write, where a retry finds it.
	-- Only a request with this key has a write_id of 32 digits (write.ts).
	INSERT OR IGNORE INTO `keyed_write` (`account_id`, `evaluation_id`, `write_id`, `value`, `updated_at`)
	SELECT NEW.`account_id`, NEW.`id`, NEW.`write_id`, NEW.`value`, NEW.`updated_at`
	WHERE length(NEW.`write_id`) = 32
		AND NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`)
		AND OLD.`write_id` IS NOT NEW.`write_id`;
END;
--> statement-breakpoint
-- Refuses every change of a history entry. Deletions stay possible, because an operator may have to
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
-- Deletes the history and the keyed writes of a deleted evaluation. Otherwise a caller who creates
-- an evaluation with the same id later could read the old values.
-- Each line that begins with "read:" tells why the statement below it loses no other data.
-- test/node/migrations.test.ts requires the line.
-- read: deletes only the history of the deleted evaluation.
CREATE TRIGGER `run_evaluation_takes_its_history_along`
AFTER DELETE ON `run_evaluation`
BEGIN
	DELETE FROM `run_evaluation_history` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
	-- read: deletes only the keyed writes of the same evaluation.
	DELETE FROM `keyed_write` WHERE `account_id` = OLD.`account_id` AND `evaluation_id` = OLD.`id`;
END;
--> statement-breakpoint
-- Deletes an evaluation when the Worker inserts a row for the deletion into deleted_evaluation.
-- Also deletes up to ten old rows of deleted_evaluation: rows of deletions that happened more than
-- seven days before the new deletion. The limit of ten keeps the cost of a deletion constant.
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
-- Refuses an INSERT with an existing id. Without this trigger, INSERT OR REPLACE would delete the
-- old row. SQLite fires no trigger for this deletion, so the old value would be lost.
CREATE TRIGGER `run_evaluation_is_not_replaced`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `run_evaluation` WHERE `account_id` = NEW.`account_id` AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation exists: update it');
END;
--> statement-breakpoint
-- Refuses changes of the columns below. The history stores only values and authors, so the old
-- content of these columns would be lost.
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
-- Refuses changes of the id, the creator and the rule of a label. The rule is the type, the bounds
-- and the categories. A stored value is a number or an index into the categories, so another rule
-- would change what the value means. For another rule, create another label.
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
-- Refuses a new label of an account if a shared label has the same id. If the database accepted the
-- new label, the new label would take precedence over the shared label. Then evaluations that
-- already use the shared label would have another rule.
CREATE TRIGGER `evaluation_label_hides_no_shared_one`
BEFORE INSERT ON `evaluation_label`
WHEN NEW.`account_id` <> 'shared'
	AND EXISTS (SELECT 1 FROM `evaluation_label` WHERE `account_id` = 'shared' AND `id` = NEW.`id`)
BEGIN
	SELECT RAISE(ABORT, 'a shared evaluation_label has this id: choose another');
END;
--> statement-breakpoint
-- Checks each category of a new label, which a CHECK constraint cannot do. This trigger ignores
-- text that is not JSON, because a CHECK constraint refuses that text.
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
-- If a script changes a label and does not increase updated_at, this trigger increases it. If the
-- script does not set a new write_id, this trigger sets one. The Worker sets both columns, so its
-- updates do not fire this trigger.
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
-- When somebody revokes a link, deletes up to twenty old revocations of the account, so that old
-- rows do not pile up. The limit of twenty keeps the cost of a revocation constant.
-- A revocation is old if its link expired more than an hour ago. The hour is a margin: edge
-- locations decide by their own clocks whether a link has expired, and these clocks may differ.
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
-- Durable Object (src/db/account-object.ts). Even an old version of the Worker cannot write these
-- rows. Deletions stay possible, because the object deletes the rows that it has copied.
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
