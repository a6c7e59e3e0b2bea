/** The create, and the query that explains why it stored nothing. They run in one transaction. */
import { sql } from 'drizzle-orm';
import { all, compile, ifNothingChanged, orm, valuesOf } from '../db/compile.ts';
import { evaluationLabel } from '../db/schema.ts';
import type { OrNulls } from '../db/statement.ts';
import { resourceColumns, type Scope } from './label.query.ts';
import type { LabelRow } from './label.ts';
import { isLabelOf } from './rule.query.ts';

export type CreateParams = Scope &
  Pick<
    LabelRow,
    'name' | 'description' | 'value_type' | 'min_value' | 'max_value' | 'categories'
  > & {
    /** The author, from the verified token. */
    readonly subject: string;
    readonly now: string;
    /** Of all that the caller sent of it. */
    readonly create_digest: string;
    readonly write_id: string;
  };

/** What has the id: a label of the account, or a shared one. */
export type CreateExplanation = OrNulls<LabelRow> & {
  /** It is the account's own and was created with the same content, whatever was updated since. */
  readonly is_same: 0 | 1;
  /** An earlier attempt of this very request stored it. */
  readonly is_own_write: 0 | 1;
};

const param = (name: keyof CreateParams) => sql`${sql.placeholder(name)}`;
/** Of the account or shared: an own label of the id of a shared one would change the rule of what is stored under that. */
const hasTheId = isLabelOf(param('account'), param('id'));

const values = valuesOf(evaluationLabel, {
  account_id: param('account'),
  archived_at: sql`NULL`,
  created_by: param('subject'),
  created_at: param('now'),
  updated_by: sql`NULL`,
  updated_at: sql`NULL`,
});

/** Returns the row; nothing if the id is taken. */
export const createEvaluationLabel = compile<CreateParams, LabelRow>(
  orm
    .insert(evaluationLabel)
    .select(
      sql`SELECT ${values} WHERE NOT EXISTS (SELECT 1 FROM ${evaluationLabel} WHERE ${hasTheId})`,
    )
    .returning(resourceColumns),
);

/** Returns nothing if the create stored the row. */
export const explainCreateEvaluationLabel = compile<CreateParams, CreateExplanation>(
  orm
    .select({
      ...resourceColumns,
      is_same: sql<0 | 1>`${all(
        sql`${evaluationLabel.account_id} = ${param('account')}`,
        sql`${evaluationLabel.create_digest} IS ${param('create_digest')}`,
      )}`.as('is_same'),
      is_own_write: sql<0 | 1>`${evaluationLabel.write_id} IS ${param('write_id')}`.as(
        'is_own_write',
      ),
    })
    .from(ifNothingChanged)
    .leftJoin(evaluationLabel, hasTheId),
);
