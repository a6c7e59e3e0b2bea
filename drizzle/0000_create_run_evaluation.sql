CREATE TABLE `run_evaluation` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`run_id` text NOT NULL,
	`output_name` text,
	`field_path` text,
	`evaluation_label_id` text NOT NULL,
	`value` real NOT NULL,
	`created_by` text,
	`created_by_evaluator_id` text,
	`created_at` text NOT NULL,
	`updated_by` text,
	`updated_at` text,
	CONSTRAINT "run_evaluation_id_is_uuid" CHECK("id" LIKE '________-____-____-____-____________' AND "id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_account_id_is_not_empty" CHECK("account_id" <> ''),
	CONSTRAINT "run_evaluation_run_id_is_uuid" CHECK("run_id" LIKE '________-____-____-____-____________' AND "run_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("run_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_label_id_is_uuid" CHECK("evaluation_label_id" LIKE '________-____-____-____-____________' AND "evaluation_label_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_label_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_value_is_finite" CHECK(abs("value") <= 1.7976931348623157e308),
	CONSTRAINT "run_evaluation_evaluator_id_is_uuid" CHECK("created_by_evaluator_id" IS NULL OR "created_by_evaluator_id" LIKE '________-____-____-____-____________' AND "created_by_evaluator_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("created_by_evaluator_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_created_at_is_timestamp" CHECK("created_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "created_at") AND coalesce("created_at", '') < '9999'),
	CONSTRAINT "run_evaluation_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `run_evaluation_by_run` ON `run_evaluation` (`account_id`,`run_id`,`created_at`,`id`);