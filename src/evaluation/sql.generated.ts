// generated: do not edit. Written by `npm run sql` from the drizzle queries in src/evaluation/*.query.ts.
import { type StatementOf, statement } from '../db/statement.ts';
import type * as create from './create.query.ts';
import type * as read from './read.query.ts';
import type * as update from './update.query.ts';

export const createEvaluation: StatementOf<typeof create.createEvaluation> = statement(`
  INSERT INTO
    run_evaluation (
      id,
      account_id,
      run_id,
      output_name,
      field_path,
      evaluation_label_id,
      value,
      created_by,
      created_by_evaluator_id,
      created_at,
      updated_by,
      updated_at
    )
  SELECT
    :id AS id,
    :account AS account_id,
    :run_id AS run_id,
    :output_name AS output_name,
    :field_path AS field_path,
    id,
    :value AS value,
    :subject AS created_by,
    NULL AS created_by_evaluator_id,
    :now AS created_at,
    NULL AS updated_by,
    NULL AS updated_at
  FROM
    evaluation_label
  WHERE
    (
      (
        evaluation_label.id = :evaluation_label_id
        AND evaluation_label.account_id IN (:account, 'shared')
      )
      AND (
        CASE evaluation_label.value_type
          WHEN 'binary' THEN :value IN (0, 1)
          WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
          AND :value <= coalesce(evaluation_label.max_value, :value)
          ELSE :value IN (
            SELECT
              KEY
            FROM
              json_each(evaluation_label.categories)
          )
          AND NOT EXISTS (
            SELECT
              1
            FROM
              json_each(evaluation_label.categories)
            WHERE
              json_each.type <> 'text'
          )
        END IS TRUE
      )
      AND NOT EXISTS (
        SELECT
          1
        FROM
          run_evaluation
        WHERE
          run_evaluation.id = :id
      )
    )
  RETURNING
    id,
    account_id,
    run_id,
    output_name,
    field_path,
    evaluation_label_id,
    value,
    created_by,
    created_by_evaluator_id,
    created_at,
    updated_by,
    updated_at
`);

export const explainCreateEvaluation: StatementOf<typeof create.explainCreateEvaluation> = statement(`
  SELECT
    run_evaluation.id,
    run_evaluation.account_id,
    run_evaluation.run_id,
    run_evaluation.output_name,
    run_evaluation.field_path,
    run_evaluation.evaluation_label_id,
    run_evaluation.value,
    run_evaluation.created_by,
    run_evaluation.created_by_evaluator_id,
    run_evaluation.created_at,
    run_evaluation.updated_by,
    run_evaluation.updated_at,
    EXISTS (
      SELECT
        1
      FROM
        run_evaluation
      WHERE
        run_evaluation.id = :id
    ) AS id_is_taken,
    (
      run_evaluation.run_id = :run_id
      AND run_evaluation.evaluation_label_id = :evaluation_label_id
      AND run_evaluation.output_name IS :output_name
      AND run_evaluation.field_path IS :field_path
      AND coalesce(
        (
          SELECT
            run_evaluation_history.value
          FROM
            run_evaluation_history
          WHERE
            run_evaluation_history.evaluation_id = run_evaluation.id
          ORDER BY
            run_evaluation_history.replaced_at
          LIMIT
            1
        ),
        run_evaluation.value
      ) = :value
    ) IS TRUE AS is_same,
    evaluation_label.id IS NOT NULL AS has_label,
    (
      CASE evaluation_label.value_type
        WHEN 'binary' THEN :value IN (0, 1)
        WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
        AND :value <= coalesce(evaluation_label.max_value, :value)
        ELSE :value IN (
          SELECT
            KEY
          FROM
            json_each(evaluation_label.categories)
        )
        AND NOT EXISTS (
          SELECT
            1
          FROM
            json_each(evaluation_label.categories)
          WHERE
            json_each.type <> 'text'
        )
      END IS TRUE
    ) AS is_legal,
    evaluation_label.value_type,
    evaluation_label.min_value,
    evaluation_label.max_value,
    evaluation_label.categories
  FROM
    (
      SELECT
        1
    )
    LEFT JOIN evaluation_label ON (
      evaluation_label.id = :evaluation_label_id
      AND evaluation_label.account_id IN (:account, 'shared')
    )
    LEFT JOIN run_evaluation ON (
      run_evaluation.id = :id
      AND run_evaluation.account_id = :account
    )
`);

export const getEvaluation: StatementOf<typeof read.getEvaluation> = statement(`
  SELECT
    id,
    account_id,
    run_id,
    output_name,
    field_path,
    evaluation_label_id,
    value,
    created_by,
    created_by_evaluator_id,
    created_at,
    updated_by,
    updated_at
  FROM
    run_evaluation
  WHERE
    (
      run_evaluation.id = :id
      AND run_evaluation.run_id = :run_id
      AND run_evaluation.account_id = :account
    )
`);

export const listEvaluations: StatementOf<typeof read.listEvaluations> = statement(`
  SELECT
    id,
    account_id,
    run_id,
    output_name,
    field_path,
    evaluation_label_id,
    value,
    created_by,
    created_by_evaluator_id,
    created_at,
    updated_by,
    updated_at
  FROM
    run_evaluation
  WHERE
    (
      run_evaluation.account_id = :account
      AND run_evaluation.run_id = :run_id
      AND (run_evaluation.created_at, run_evaluation.id) > (:after_created_at, :after_id)
    )
  ORDER BY
    run_evaluation.created_at ASC,
    run_evaluation.id ASC
  LIMIT
    :limit
`);

export const listReplacedValues: StatementOf<typeof read.listReplacedValues> = statement(`
  SELECT
    run_evaluation_history.evaluation_id,
    run_evaluation_history.value,
    run_evaluation_history.updated_by,
    run_evaluation_history.updated_at,
    run_evaluation_history.replaced_by,
    run_evaluation_history.replaced_at
  FROM
    run_evaluation
    LEFT JOIN run_evaluation_history ON (
      run_evaluation_history.evaluation_id = run_evaluation.id
      AND run_evaluation_history.replaced_at < :before
    )
  WHERE
    (
      run_evaluation.id = :id
      AND run_evaluation.run_id = :run_id
      AND run_evaluation.account_id = :account
    )
  ORDER BY
    run_evaluation_history.replaced_at DESC
  LIMIT
    :limit
`);

export const explainUpdateEvaluation: StatementOf<typeof update.explainUpdateEvaluation> = statement(`
  SELECT
    run_evaluation.id,
    run_evaluation.account_id,
    run_evaluation.run_id,
    run_evaluation.output_name,
    run_evaluation.field_path,
    run_evaluation.evaluation_label_id,
    run_evaluation.value,
    run_evaluation.created_by,
    run_evaluation.created_by_evaluator_id,
    run_evaluation.created_at,
    run_evaluation.updated_by,
    run_evaluation.updated_at,
    (
      SELECT
        replaced.updated_at
      FROM
        run_evaluation_history AS "replaced"
        JOIN run_evaluation_history AS "before" ON before.evaluation_id = replaced.evaluation_id
        AND before.replaced_at = replaced.updated_at
      WHERE
        :attempt > 1
        AND replaced.evaluation_id = run_evaluation.id
        AND replaced.replaced_at > :now
        AND replaced.value = :value
        AND replaced.updated_by = :subject
        AND replaced.updated_at = max(:now, strftime('%Y-%m-%dT%H:%M:%fZ', before.updated_at, '+0.001 seconds'))
    ) AS landed_at,
    (
      :versions IS NULL
      OR coalesce(run_evaluation.updated_at, run_evaluation.created_at) IN (
        SELECT
          value
        FROM
          json_each(:versions)
      )
      OR (
        run_evaluation.value = :value
        AND run_evaluation.updated_by IS :subject
        AND run_evaluation.updated_at IS NOT NULL
      )
    ) AS precondition_holds,
    (
      SELECT
        json_each.key
      FROM
        json_each(:immutable)
      WHERE
        json_each.value IS NOT CASE json_each.key
          WHEN 'id' THEN run_evaluation.id
          WHEN 'account_id' THEN run_evaluation.account_id
          WHEN 'run_id' THEN run_evaluation.run_id
          WHEN 'output_name' THEN run_evaluation.output_name
          WHEN 'field_path' THEN run_evaluation.field_path
          WHEN 'evaluation_label_id' THEN run_evaluation.evaluation_label_id
          WHEN 'created_by' THEN run_evaluation.created_by
          WHEN 'created_by_evaluator_id' THEN run_evaluation.created_by_evaluator_id
          WHEN 'created_at' THEN run_evaluation.created_at
        END
    ) AS changed_field,
    (
      (
        run_evaluation.value = :value
        AND run_evaluation.updated_by IS :subject
        AND run_evaluation.updated_at IS NOT NULL
      )
      OR NOT EXISTS (
        SELECT
          1
        FROM
          evaluation_label
        WHERE
          (
            evaluation_label.id = run_evaluation.evaluation_label_id
            AND evaluation_label.account_id IN (run_evaluation.account_id, 'shared')
          )
          AND NOT (
            CASE evaluation_label.value_type
              WHEN 'binary' THEN :value IN (0, 1)
              WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
              AND :value <= coalesce(evaluation_label.max_value, :value)
              ELSE :value IN (
                SELECT
                  KEY
                FROM
                  json_each(evaluation_label.categories)
              )
              AND NOT EXISTS (
                SELECT
                  1
                FROM
                  json_each(evaluation_label.categories)
                WHERE
                  json_each.type <> 'text'
              )
            END IS TRUE
          )
      )
    ) AS is_allowed,
    evaluation_label.value_type,
    evaluation_label.min_value,
    evaluation_label.max_value,
    evaluation_label.categories
  FROM
    run_evaluation
    LEFT JOIN evaluation_label ON (
      evaluation_label.id = run_evaluation.evaluation_label_id
      AND evaluation_label.account_id IN (run_evaluation.account_id, 'shared')
    )
  WHERE
    (
      run_evaluation.id = :id
      AND run_evaluation.run_id = :run_id
      AND run_evaluation.account_id = :account
    )
`);

export const updateEvaluation: StatementOf<typeof update.updateEvaluation> = statement(`
  UPDATE run_evaluation
  SET
    value = :value,
    updated_by = :subject,
    updated_at = CASE
      WHEN (
        run_evaluation.value = :value
        AND run_evaluation.updated_by IS :subject
        AND run_evaluation.updated_at IS NOT NULL
      ) THEN run_evaluation.updated_at
      ELSE max(
        :now,
        strftime(
          '%Y-%m-%dT%H:%M:%fZ',
          coalesce(run_evaluation.updated_at, run_evaluation.created_at),
          '+0.001 seconds'
        )
      )
    END
  WHERE
    (
      (
        run_evaluation.id = :id
        AND run_evaluation.run_id = :run_id
        AND run_evaluation.account_id = :account
      )
      AND (
        SELECT
          replaced.updated_at
        FROM
          run_evaluation_history AS "replaced"
          JOIN run_evaluation_history AS "before" ON before.evaluation_id = replaced.evaluation_id
          AND before.replaced_at = replaced.updated_at
        WHERE
          :attempt > 1
          AND replaced.evaluation_id = run_evaluation.id
          AND replaced.replaced_at > :now
          AND replaced.value = :value
          AND replaced.updated_by = :subject
          AND replaced.updated_at = max(:now, strftime('%Y-%m-%dT%H:%M:%fZ', before.updated_at, '+0.001 seconds'))
      ) IS NULL
      AND (
        :versions IS NULL
        OR coalesce(run_evaluation.updated_at, run_evaluation.created_at) IN (
          SELECT
            value
          FROM
            json_each(:versions)
        )
        OR (
          run_evaluation.value = :value
          AND run_evaluation.updated_by IS :subject
          AND run_evaluation.updated_at IS NOT NULL
        )
      )
      AND (
        SELECT
          json_each.key
        FROM
          json_each(:immutable)
        WHERE
          json_each.value IS NOT CASE json_each.key
            WHEN 'id' THEN run_evaluation.id
            WHEN 'account_id' THEN run_evaluation.account_id
            WHEN 'run_id' THEN run_evaluation.run_id
            WHEN 'output_name' THEN run_evaluation.output_name
            WHEN 'field_path' THEN run_evaluation.field_path
            WHEN 'evaluation_label_id' THEN run_evaluation.evaluation_label_id
            WHEN 'created_by' THEN run_evaluation.created_by
            WHEN 'created_by_evaluator_id' THEN run_evaluation.created_by_evaluator_id
            WHEN 'created_at' THEN run_evaluation.created_at
          END
      ) IS NULL
      AND (
        (
          run_evaluation.value = :value
          AND run_evaluation.updated_by IS :subject
          AND run_evaluation.updated_at IS NOT NULL
        )
        OR NOT EXISTS (
          SELECT
            1
          FROM
            evaluation_label
          WHERE
            (
              evaluation_label.id = run_evaluation.evaluation_label_id
              AND evaluation_label.account_id IN (run_evaluation.account_id, 'shared')
            )
            AND NOT (
              CASE evaluation_label.value_type
                WHEN 'binary' THEN :value IN (0, 1)
                WHEN 'continuous' THEN :value >= coalesce(evaluation_label.min_value, :value)
                AND :value <= coalesce(evaluation_label.max_value, :value)
                ELSE :value IN (
                  SELECT
                    KEY
                  FROM
                    json_each(evaluation_label.categories)
                )
                AND NOT EXISTS (
                  SELECT
                    1
                  FROM
                    json_each(evaluation_label.categories)
                  WHERE
                    json_each.type <> 'text'
                )
              END IS TRUE
            )
        )
      )
    )
  RETURNING
    id,
    account_id,
    run_id,
    output_name,
    field_path,
    evaluation_label_id,
    value,
    created_by,
    created_by_evaluator_id,
    created_at,
    updated_by,
    updated_at
`);
