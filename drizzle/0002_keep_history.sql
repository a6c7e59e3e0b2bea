-- Each stored change of an evaluation appends what it replaced, in the same transaction, whoever writes: the Worker, a
-- console or a seed script. A writer that does not move updated_at on has it moved on here, because the entity tag and
-- the chain of the history both stand on it. Its own update does not fire it again, because SQLite has
-- recursive_triggers off. A table rebuild drops triggers silently: test/history.test.ts fails then.
CREATE TRIGGER `run_evaluation_keeps_history`
AFTER UPDATE ON `run_evaluation`
WHEN OLD.`value` IS NOT NEW.`value` OR OLD.`updated_by` IS NOT NEW.`updated_by` OR OLD.`updated_at` IS NOT NEW.`updated_at`
BEGIN
	UPDATE `run_evaluation`
	SET `updated_at` = max(
		strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
		strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(OLD.`updated_at`, OLD.`created_at`), '+0.001 seconds')
	)
	WHERE `id` = NEW.`id` AND (NEW.`updated_at` > coalesce(OLD.`updated_at`, OLD.`created_at`)) IS NOT TRUE;

	INSERT INTO `run_evaluation_history` (`evaluation_id`, `value`, `updated_by`, `updated_at`, `replaced_by`, `replaced_at`)
	SELECT
		OLD.`id`,
		OLD.`value`,
		CASE WHEN OLD.`updated_at` IS NULL THEN coalesce(OLD.`created_by`, OLD.`created_by_evaluator_id`) ELSE OLD.`updated_by` END,
		coalesce(OLD.`updated_at`, OLD.`created_at`),
		`updated_by`,
		`updated_at`
	FROM `run_evaluation`
	WHERE `id` = NEW.`id`;
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
	SELECT 1 FROM `run_evaluation_history` WHERE `evaluation_id` = NEW.`evaluation_id` AND `replaced_at` = NEW.`replaced_at`
)
BEGIN
	SELECT RAISE(ABORT, 'run_evaluation_history is append-only');
END;
--> statement-breakpoint
-- To SQLite INSERT OR REPLACE is a delete, which fires no trigger, and an insert: the old value would be lost.
CREATE TRIGGER `run_evaluation_is_not_replaced`
BEFORE INSERT ON `run_evaluation`
WHEN EXISTS (SELECT 1 FROM `run_evaluation` WHERE `id` = NEW.`id`)
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
