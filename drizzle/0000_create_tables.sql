CREATE TABLE `account_object` (
	`account_id` text PRIMARY KEY NOT NULL,
	`place` text NOT NULL,
	`life` text NOT NULL,
	`arrived_at` text,
	CONSTRAINT "account_object_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "account_object_place_is_known" CHECK(length("place") <= 16 AND "place" NOT GLOB '*[^a-z-]*'),
	CONSTRAINT "account_object_life_is_random" CHECK(length("life") = 32 AND "life" NOT GLOB '*[^0-9a-f]*'),
	CONSTRAINT "account_object_arrived_at_is_timestamp" CHECK("arrived_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "arrived_at") AND coalesce("arrived_at", '') < '9999')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `deleted_evaluation` (
	`account_id` text NOT NULL,
	`evaluation_id` text NOT NULL,
	`run_id` text NOT NULL,
	`deleted_at` text NOT NULL,
	`write_id` text NOT NULL,
	PRIMARY KEY(`account_id`, `evaluation_id`, `deleted_at`, `write_id`),
	CONSTRAINT "deleted_evaluation_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "deleted_evaluation_evaluation_id_is_uuid" CHECK("evaluation_id" LIKE '________-____-____-____-____________' AND "evaluation_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_id", '-', '')) = 32),
	CONSTRAINT "deleted_evaluation_run_id_is_uuid" CHECK("run_id" LIKE '________-____-____-____-____________' AND "run_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("run_id", '-', '')) = 32),
	CONSTRAINT "deleted_evaluation_write_id_is_bounded" CHECK(length("write_id") IN (24, 32) AND "write_id" NOT GLOB '*[^0-9a-f]*'),
	CONSTRAINT "deleted_evaluation_deleted_at_is_timestamp" CHECK("deleted_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "deleted_at") AND coalesce("deleted_at", '') < '9999')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `deleted_evaluation_by_write` ON `deleted_evaluation` (`account_id`,`evaluation_id`,`run_id`,`write_id`);--> statement-breakpoint
CREATE INDEX `deleted_evaluation_by_time` ON `deleted_evaluation` (`account_id`,`deleted_at`);--> statement-breakpoint
CREATE TABLE `evaluation_label` (
	`id` text NOT NULL,
	`account_id` text NOT NULL,
	`name` text NOT NULL,
	`description` text,
	`value_type` text NOT NULL,
	`min_value` real,
	`max_value` real,
	`categories` text,
	`archived_at` text,
	`created_by` text,
	`created_at` text DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) NOT NULL,
	`updated_by` text,
	`updated_at` text,
	`create_digest` text,
	`write_id` text DEFAULT (lower(hex(randomblob(12)))) NOT NULL,
	PRIMARY KEY(`account_id`, `id`),
	CONSTRAINT "evaluation_label_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "evaluation_label_id_is_uuid" CHECK("id" LIKE '________-____-____-____-____________' AND "id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("id", '-', '')) = 32),
	CONSTRAINT "evaluation_label_name_is_bounded" CHECK("name" <> '' AND length("name") <= 255 AND octet_length("name") <= 1020),
	CONSTRAINT "evaluation_label_description_is_bounded" CHECK(length("description") <= 4096 AND octet_length("description") <= 16384),
	CONSTRAINT "evaluation_label_value_type_is_known" CHECK("value_type" IN ('binary', 'continuous', 'categorical', 'ordinal')),
	CONSTRAINT "evaluation_label_bounds_are_of_continuous" CHECK("value_type" = 'continuous' OR ("min_value" IS NULL AND "max_value" IS NULL)),
	CONSTRAINT "evaluation_label_min_value_is_finite" CHECK(abs("min_value") <= 1.7976931348623157e308),
	CONSTRAINT "evaluation_label_max_value_is_finite" CHECK(abs("max_value") <= 1.7976931348623157e308),
	CONSTRAINT "evaluation_label_bounds_are_in_order" CHECK("min_value" <= "max_value"),
	CONSTRAINT "evaluation_label_categories_are_of_index_types" CHECK(("value_type" IN ('categorical', 'ordinal')) = ("categories" IS NOT NULL)),
	CONSTRAINT "evaluation_label_categories_are_bounded" CHECK(octet_length("categories") <= 65536),
	CONSTRAINT "evaluation_label_categories_are_array" CHECK("categories" IS NULL OR CASE WHEN json_valid("categories") AND instr("categories", char(0)) = 0 THEN json_type("categories") = 'array' AND json_array_length("categories") BETWEEN 1 AND 1000 AND json("categories") = "categories" ELSE 0 END),
	CONSTRAINT "evaluation_label_archived_at_is_timestamp" CHECK("archived_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "archived_at") AND coalesce("archived_at", '') < '9999'),
	CONSTRAINT "evaluation_label_create_digest_is_bounded" CHECK(length("create_digest") = 32 AND "create_digest" NOT GLOB '*[^0-9a-f]*'),
	CONSTRAINT "evaluation_label_created_by_is_bounded" CHECK(length("created_by") <= 255 AND octet_length("created_by") <= 1020),
	CONSTRAINT "evaluation_label_created_at_is_timestamp" CHECK("created_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "created_at") AND coalesce("created_at", '') < '9999'),
	CONSTRAINT "evaluation_label_updated_by_is_bounded" CHECK(length("updated_by") <= 320 AND octet_length("updated_by") <= 1280),
	CONSTRAINT "evaluation_label_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999'),
	CONSTRAINT "evaluation_label_write_id_is_bounded" CHECK(length("write_id") IN (24, 32) AND "write_id" NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `evaluation_label_by_age` ON `evaluation_label` (`account_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `keyed_write` (
	`account_id` text NOT NULL,
	`evaluation_id` text NOT NULL,
	`write_id` text NOT NULL,
	`value` real NOT NULL,
	`updated_at` text NOT NULL,
	PRIMARY KEY(`account_id`, `evaluation_id`, `write_id`),
	CONSTRAINT "keyed_write_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "keyed_write_evaluation_id_is_uuid" CHECK("evaluation_id" LIKE '________-____-____-____-____________' AND "evaluation_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_id", '-', '')) = 32),
	CONSTRAINT "keyed_write_write_id_is_of_key" CHECK(length("write_id") = 32 AND "write_id" NOT GLOB '*[^0-9a-f]*'),
	CONSTRAINT "keyed_write_value_is_finite" CHECK(abs("value") <= 1.7976931348623157e308),
	CONSTRAINT "keyed_write_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `revoked_link` (
	`account_id` text NOT NULL,
	`expires_at` text NOT NULL,
	`evaluation_id` text NOT NULL,
	`id` text NOT NULL,
	PRIMARY KEY(`account_id`, `expires_at`, `evaluation_id`, `id`),
	CONSTRAINT "revoked_link_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "revoked_link_expires_at_is_timestamp" CHECK("expires_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "expires_at") AND coalesce("expires_at", '') < '9999'),
	CONSTRAINT "revoked_link_evaluation_id_is_uuid" CHECK("evaluation_id" LIKE '________-____-____-____-____________' AND "evaluation_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_id", '-', '')) = 32),
	CONSTRAINT "revoked_link_id_is_uuid" CHECK("id" LIKE '________-____-____-____-____________' AND "id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("id", '-', '')) = 32)
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `run_evaluation` (
	`id` text NOT NULL,
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
	`write_id` text DEFAULT (lower(hex(randomblob(12)))) NOT NULL,
	PRIMARY KEY(`account_id`, `run_id`, `created_at`, `id`),
	CONSTRAINT "run_evaluation_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "run_evaluation_id_is_uuid" CHECK("id" LIKE '________-____-____-____-____________' AND "id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_run_id_is_uuid" CHECK("run_id" LIKE '________-____-____-____-____________' AND "run_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("run_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_output_name_is_bounded" CHECK(length("output_name") <= 255 AND octet_length("output_name") <= 1020),
	CONSTRAINT "run_evaluation_field_path_is_bounded" CHECK(length("field_path") <= 1024 AND octet_length("field_path") <= 4096),
	CONSTRAINT "run_evaluation_label_id_is_uuid" CHECK("evaluation_label_id" LIKE '________-____-____-____-____________' AND "evaluation_label_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_label_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_value_is_finite" CHECK(abs("value") <= 1.7976931348623157e308),
	CONSTRAINT "run_evaluation_evaluator_id_is_uuid" CHECK("created_by_evaluator_id" IS NULL OR "created_by_evaluator_id" LIKE '________-____-____-____-____________' AND "created_by_evaluator_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("created_by_evaluator_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_created_by_is_bounded" CHECK(length("created_by") <= 255 AND octet_length("created_by") <= 1020),
	CONSTRAINT "run_evaluation_created_at_is_timestamp" CHECK("created_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "created_at") AND coalesce("created_at", '') < '9999'),
	CONSTRAINT "run_evaluation_updated_by_is_bounded" CHECK(length("updated_by") <= 320 AND octet_length("updated_by") <= 1280),
	CONSTRAINT "run_evaluation_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999'),
	CONSTRAINT "run_evaluation_write_id_is_bounded" CHECK(length("write_id") IN (24, 32) AND "write_id" NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
--> statement-breakpoint
CREATE UNIQUE INDEX `run_evaluation_by_id` ON `run_evaluation` (`account_id`,`id`);--> statement-breakpoint
CREATE TABLE `run_evaluation_history` (
	`account_id` text NOT NULL,
	`evaluation_id` text NOT NULL,
	`value` real NOT NULL,
	`updated_by` text,
	`updated_at` text NOT NULL,
	`replaced_by` text,
	`replaced_at` text NOT NULL,
	`write_id` text NOT NULL,
	PRIMARY KEY(`account_id`, `evaluation_id`, `replaced_at`),
	CONSTRAINT "run_evaluation_history_account_id_is_bounded" CHECK("account_id" <> '' AND length("account_id") <= 255 AND octet_length("account_id") <= 1020),
	CONSTRAINT "run_evaluation_history_evaluation_id_is_uuid" CHECK("evaluation_id" LIKE '________-____-____-____-____________' AND "evaluation_id" NOT GLOB '*[^0-9a-f-]*' AND length(replace("evaluation_id", '-', '')) = 32),
	CONSTRAINT "run_evaluation_history_value_is_finite" CHECK(abs("value") <= 1.7976931348623157e308),
	CONSTRAINT "run_evaluation_history_updated_by_is_bounded" CHECK(length("updated_by") <= 320 AND octet_length("updated_by") <= 1280),
	CONSTRAINT "run_evaluation_history_updated_at_is_timestamp" CHECK("updated_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "updated_at") AND coalesce("updated_at", '') < '9999'),
	CONSTRAINT "run_evaluation_history_replaced_by_is_bounded" CHECK(length("replaced_by") <= 320 AND octet_length("replaced_by") <= 1280),
	CONSTRAINT "run_evaluation_history_replaced_at_is_timestamp" CHECK("replaced_at" IS strftime('%Y-%m-%dT%H:%M:%fZ', "replaced_at") AND coalesce("replaced_at", '') < '9999'),
	CONSTRAINT "run_evaluation_history_is_in_order" CHECK("updated_at" < "replaced_at"),
	CONSTRAINT "run_evaluation_history_write_id_is_bounded" CHECK(length("write_id") IN (24, 32) AND "write_id" NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;
