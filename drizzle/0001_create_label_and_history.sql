CREATE TABLE `evaluation_label` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`value_type` text NOT NULL,
	`min_value` real,
	`max_value` real,
	`categories` text,
	CONSTRAINT "evaluation_label_id_is_uuid" CHECK("id" LIKE '________-____-____-____-____________' AND "id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("id", '-', '')) = 32),
	CONSTRAINT "evaluation_label_account_id_is_not_empty" CHECK("account_id" <> ''),
	CONSTRAINT "evaluation_label_value_type_is_known" CHECK("value_type" IN ('binary', 'continuous', 'categorical', 'ordinal')),
	CONSTRAINT "evaluation_label_bounds_are_of_continuous" CHECK("value_type" = 'continuous' OR ("min_value" IS NULL AND "max_value" IS NULL)),
	CONSTRAINT "evaluation_label_min_value_is_finite" CHECK(abs("min_value") <= 1.7976931348623157e308),
	CONSTRAINT "evaluation_label_max_value_is_finite" CHECK(abs("max_value") <= 1.7976931348623157e308),
	CONSTRAINT "evaluation_label_bounds_are_in_order" CHECK("min_value" <= "max_value"),
	CONSTRAINT "evaluation_label_categories_are_of_index_types" CHECK(("value_type" IN ('categorical', 'ordinal')) = ("categories" IS NOT NULL)),
	CONSTRAINT "evaluation_label_categories_are_array" CHECK("categories" IS NULL OR CASE WHEN json_valid("categories") AND instr("categories", char(0)) = 0 THEN json_type("categories") = 'array' ELSE 0 END)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `run_evaluation_history` (
	`evaluation_id` text NOT NULL,
	`value` real NOT NULL,
	`updated_by` text,
	`updated_at` text NOT NULL,
	`replaced_by` text,
	`replaced_at` text NOT NULL,
	PRIMARY KEY(`evaluation_id`, `replaced_at`),
	CONSTRAINT "run_evaluation_history_evaluation_id_is_uuid" CHECK("evaluation_id" LIKE '________-____-____-____-____________' AND "evaluation_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_history_value_is_finite" CHECK(abs("value") <= 1.7976931348623157e308),
	CONSTRAINT "run_evaluation_history_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999'),
	CONSTRAINT "run_evaluation_history_replaced_at_is_timestamp" CHECK("replaced_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "replaced_at") AND coalesce("replaced_at", '') < '9999'),
	CONSTRAINT "run_evaluation_history_is_in_order" CHECK("updated_at" < "replaced_at")
) STRICT, WITHOUT ROWID;
