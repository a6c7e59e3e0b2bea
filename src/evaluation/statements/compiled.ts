/** Written by `npm run statements` from the queries beside it; a test fails where it is not up to date. */
import type { queries } from './queries';

export const statements: typeof queries = {
  create: {
    sql: `insert into "run_evaluation" ("id", "account_id", "run_id", "output_name", "field_path", "evaluation_label_id", "value", "created_by", "created_by_evaluator_id", "created_at", "updated_by", "updated_at") select ?1 as "id", ?2 as "account_id", ?3 as "run_id", ?4 as "output_name", ?5 as "field_path", "id", ?6 as "value", ?7 as "created_by", NULL as "created_by_evaluator_id", ?8 as "created_at", NULL as "updated_by", NULL as "updated_at" from "evaluation_label" where (("evaluation_label"."id" = ?9 AND "evaluation_label"."account_id" IN (?2, 'shared')) AND (CASE "evaluation_label"."value_type"
  WHEN 'binary' THEN ?6 IN (0, 1)
  WHEN 'continuous' THEN ?6 >= coalesce("evaluation_label"."min_value", ?6)
    AND ?6 <= coalesce("evaluation_label"."max_value", ?6)
  ELSE ?6 IN (SELECT key FROM json_each("evaluation_label"."categories"))
    AND NOT EXISTS (SELECT 1 FROM json_each("evaluation_label"."categories") WHERE json_each.type <> 'text')
END IS TRUE) AND NOT EXISTS (SELECT 1 FROM "run_evaluation" WHERE "run_evaluation"."id" = ?1)) returning "id", "account_id", "run_id", "output_name", "field_path", "evaluation_label_id", "value", "created_by", "created_by_evaluator_id", "created_at", "updated_by", "updated_at"`,
    parameters: ['id', 'account', 'run_id', 'output_name', 'field_path', 'value', 'subject', 'now', 'evaluation_label_id'],
  },
  explainCreate: {
    sql: `select "run_evaluation"."id", "run_evaluation"."account_id", "run_evaluation"."run_id", "run_evaluation"."output_name", "run_evaluation"."field_path", "run_evaluation"."evaluation_label_id", "run_evaluation"."value", "run_evaluation"."created_by", "run_evaluation"."created_by_evaluator_id", "run_evaluation"."created_at", "run_evaluation"."updated_by", "run_evaluation"."updated_at", EXISTS (SELECT 1 FROM "run_evaluation" WHERE "run_evaluation"."id" = ?1) as "id_is_taken", ("run_evaluation"."run_id" = ?2 AND "run_evaluation"."evaluation_label_id" = ?3 AND "run_evaluation"."output_name" IS ?4 AND "run_evaluation"."field_path" IS ?5 AND coalesce((
  SELECT "run_evaluation_history"."value" FROM "run_evaluation_history"
  WHERE "run_evaluation_history"."evaluation_id" = "run_evaluation"."id" ORDER BY "run_evaluation_history"."replaced_at" LIMIT 1
), "run_evaluation"."value") = ?6) IS TRUE as "is_same", "evaluation_label"."id" IS NOT NULL as "has_label", (CASE "evaluation_label"."value_type"
  WHEN 'binary' THEN ?6 IN (0, 1)
  WHEN 'continuous' THEN ?6 >= coalesce("evaluation_label"."min_value", ?6)
    AND ?6 <= coalesce("evaluation_label"."max_value", ?6)
  ELSE ?6 IN (SELECT key FROM json_each("evaluation_label"."categories"))
    AND NOT EXISTS (SELECT 1 FROM json_each("evaluation_label"."categories") WHERE json_each.type <> 'text')
END IS TRUE) as "is_legal", "evaluation_label"."value_type", "evaluation_label"."min_value", "evaluation_label"."max_value", "evaluation_label"."categories" from (SELECT 1) left join "evaluation_label" on ("evaluation_label"."id" = ?3 AND "evaluation_label"."account_id" IN (?7, 'shared')) left join "run_evaluation" on ("run_evaluation"."id" = ?1 AND "run_evaluation"."account_id" = ?7)`,
    parameters: ['id', 'run_id', 'evaluation_label_id', 'output_name', 'field_path', 'value', 'account'],
  },
  update: {
    sql: `update "run_evaluation" set "value" = ?1, "updated_by" = ?2, "updated_at" = CASE WHEN ("run_evaluation"."value" = ?1 AND "run_evaluation"."updated_by" IS ?2 AND "run_evaluation"."updated_at" IS NOT NULL) THEN "run_evaluation"."updated_at" ELSE max(?3, strftime('%Y-%m-%dT%H:%M:%fZ', coalesce("run_evaluation"."updated_at", "run_evaluation"."created_at"), '+0.001 seconds')) END where (("run_evaluation"."id" = ?4 AND "run_evaluation"."run_id" = ?5 AND "run_evaluation"."account_id" = ?6) AND (
  SELECT "replaced"."updated_at" FROM "run_evaluation_history" AS "replaced" JOIN "run_evaluation_history" AS "before"
    ON "before"."evaluation_id" = "replaced"."evaluation_id" AND "before"."replaced_at" = "replaced"."updated_at"
  WHERE ?7 > 1 AND "replaced"."evaluation_id" = "run_evaluation"."id" AND "replaced"."replaced_at" > ?3
    AND "replaced"."value" = ?1 AND "replaced"."updated_by" = ?2
    AND "replaced"."updated_at" = max(?3, strftime('%Y-%m-%dT%H:%M:%fZ', "before"."updated_at", '+0.001 seconds'))
) IS NULL AND (?8 IS NULL OR coalesce("run_evaluation"."updated_at", "run_evaluation"."created_at") IN (SELECT value FROM json_each(?8)) OR ("run_evaluation"."value" = ?1 AND "run_evaluation"."updated_by" IS ?2 AND "run_evaluation"."updated_at" IS NOT NULL)) AND (
  SELECT json_each.key FROM json_each(?9) WHERE json_each.value IS NOT CASE json_each.key
    WHEN 'id' THEN "run_evaluation"."id" WHEN 'account_id' THEN "run_evaluation"."account_id" WHEN 'run_id' THEN "run_evaluation"."run_id" WHEN 'output_name' THEN "run_evaluation"."output_name" WHEN 'field_path' THEN "run_evaluation"."field_path" WHEN 'evaluation_label_id' THEN "run_evaluation"."evaluation_label_id" WHEN 'created_by' THEN "run_evaluation"."created_by" WHEN 'created_by_evaluator_id' THEN "run_evaluation"."created_by_evaluator_id" WHEN 'created_at' THEN "run_evaluation"."created_at"
  END
) IS NULL AND (("run_evaluation"."value" = ?1 AND "run_evaluation"."updated_by" IS ?2 AND "run_evaluation"."updated_at" IS NOT NULL) OR NOT EXISTS (
  SELECT 1 FROM "evaluation_label" WHERE ("evaluation_label"."id" = "run_evaluation"."evaluation_label_id" AND "evaluation_label"."account_id" IN ("run_evaluation"."account_id", 'shared')) AND NOT (CASE "evaluation_label"."value_type"
  WHEN 'binary' THEN ?1 IN (0, 1)
  WHEN 'continuous' THEN ?1 >= coalesce("evaluation_label"."min_value", ?1)
    AND ?1 <= coalesce("evaluation_label"."max_value", ?1)
  ELSE ?1 IN (SELECT key FROM json_each("evaluation_label"."categories"))
    AND NOT EXISTS (SELECT 1 FROM json_each("evaluation_label"."categories") WHERE json_each.type <> 'text')
END IS TRUE)
))) returning "id", "account_id", "run_id", "output_name", "field_path", "evaluation_label_id", "value", "created_by", "created_by_evaluator_id", "created_at", "updated_by", "updated_at"`,
    parameters: ['value', 'subject', 'now', 'id', 'run_id', 'account', 'attempt', 'versions', 'fixed'],
  },
  explainUpdate: {
    sql: `select "run_evaluation"."id", "run_evaluation"."account_id", "run_evaluation"."run_id", "run_evaluation"."output_name", "run_evaluation"."field_path", "run_evaluation"."evaluation_label_id", "run_evaluation"."value", "run_evaluation"."created_by", "run_evaluation"."created_by_evaluator_id", "run_evaluation"."created_at", "run_evaluation"."updated_by", "run_evaluation"."updated_at", (
  SELECT "replaced"."updated_at" FROM "run_evaluation_history" AS "replaced" JOIN "run_evaluation_history" AS "before"
    ON "before"."evaluation_id" = "replaced"."evaluation_id" AND "before"."replaced_at" = "replaced"."updated_at"
  WHERE ?1 > 1 AND "replaced"."evaluation_id" = "run_evaluation"."id" AND "replaced"."replaced_at" > ?2
    AND "replaced"."value" = ?3 AND "replaced"."updated_by" = ?4
    AND "replaced"."updated_at" = max(?2, strftime('%Y-%m-%dT%H:%M:%fZ', "before"."updated_at", '+0.001 seconds'))
) as "landed_at", (?5 IS NULL OR coalesce("run_evaluation"."updated_at", "run_evaluation"."created_at") IN (SELECT value FROM json_each(?5)) OR ("run_evaluation"."value" = ?3 AND "run_evaluation"."updated_by" IS ?4 AND "run_evaluation"."updated_at" IS NOT NULL)) as "is_current", (
  SELECT json_each.key FROM json_each(?6) WHERE json_each.value IS NOT CASE json_each.key
    WHEN 'id' THEN "run_evaluation"."id" WHEN 'account_id' THEN "run_evaluation"."account_id" WHEN 'run_id' THEN "run_evaluation"."run_id" WHEN 'output_name' THEN "run_evaluation"."output_name" WHEN 'field_path' THEN "run_evaluation"."field_path" WHEN 'evaluation_label_id' THEN "run_evaluation"."evaluation_label_id" WHEN 'created_by' THEN "run_evaluation"."created_by" WHEN 'created_by_evaluator_id' THEN "run_evaluation"."created_by_evaluator_id" WHEN 'created_at' THEN "run_evaluation"."created_at"
  END
) as "changed_field", (("run_evaluation"."value" = ?3 AND "run_evaluation"."updated_by" IS ?4 AND "run_evaluation"."updated_at" IS NOT NULL) OR NOT EXISTS (
  SELECT 1 FROM "evaluation_label" WHERE ("evaluation_label"."id" = "run_evaluation"."evaluation_label_id" AND "evaluation_label"."account_id" IN ("run_evaluation"."account_id", 'shared')) AND NOT (CASE "evaluation_label"."value_type"
  WHEN 'binary' THEN ?3 IN (0, 1)
  WHEN 'continuous' THEN ?3 >= coalesce("evaluation_label"."min_value", ?3)
    AND ?3 <= coalesce("evaluation_label"."max_value", ?3)
  ELSE ?3 IN (SELECT key FROM json_each("evaluation_label"."categories"))
    AND NOT EXISTS (SELECT 1 FROM json_each("evaluation_label"."categories") WHERE json_each.type <> 'text')
END IS TRUE)
)) as "is_allowed", "evaluation_label"."value_type", "evaluation_label"."min_value", "evaluation_label"."max_value", "evaluation_label"."categories" from "run_evaluation" left join "evaluation_label" on ("evaluation_label"."id" = "run_evaluation"."evaluation_label_id" AND "evaluation_label"."account_id" IN ("run_evaluation"."account_id", 'shared')) where ("run_evaluation"."id" = ?7 AND "run_evaluation"."run_id" = ?8 AND "run_evaluation"."account_id" = ?9)`,
    parameters: ['attempt', 'now', 'value', 'subject', 'versions', 'fixed', 'id', 'run_id', 'account'],
  },
  get: {
    sql: `select "id", "account_id", "run_id", "output_name", "field_path", "evaluation_label_id", "value", "created_by", "created_by_evaluator_id", "created_at", "updated_by", "updated_at" from "run_evaluation" where ("run_evaluation"."id" = ?1 AND "run_evaluation"."run_id" = ?2 AND "run_evaluation"."account_id" = ?3)`,
    parameters: ['id', 'run_id', 'account'],
  },
  list: {
    sql: `select "id", "account_id", "run_id", "output_name", "field_path", "evaluation_label_id", "value", "created_by", "created_by_evaluator_id", "created_at", "updated_by", "updated_at" from "run_evaluation" where ("run_evaluation"."account_id" = ?1 AND "run_evaluation"."run_id" = ?2 AND ("run_evaluation"."created_at", "run_evaluation"."id") > (?3, ?4)) order by "run_evaluation"."created_at" asc, "run_evaluation"."id" asc limit ?5`,
    parameters: ['account', 'run_id', 'after_created_at', 'after_id', 'limit'],
  },
  history: {
    sql: `select "run_evaluation_history"."evaluation_id", "run_evaluation_history"."value", "run_evaluation_history"."updated_by", "run_evaluation_history"."updated_at", "run_evaluation_history"."replaced_by", "run_evaluation_history"."replaced_at" from "run_evaluation" left join "run_evaluation_history" on ("run_evaluation_history"."evaluation_id" = "run_evaluation"."id" AND "run_evaluation_history"."replaced_at" < ?1) where ("run_evaluation"."id" = ?2 AND "run_evaluation"."run_id" = ?3 AND "run_evaluation"."account_id" = ?4) order by "run_evaluation_history"."replaced_at" desc limit ?5`,
    parameters: ['before', 'id', 'run_id', 'account', 'limit'],
  },
};
