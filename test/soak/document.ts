/**
 * The document as a judge of every answer: status, headers, body, and nothing besides. The same rules as
 * test/document.ts, which needs vitest; here each schema is compiled once, because it judges a thousand answers a second.
 */
import { readFileSync } from 'node:fs';
import { type Schema, Validator } from '@cfworker/json-schema';
import type { Answer, Call } from './caller.ts';

type Reference = { readonly $ref: string };
type Header = { readonly required?: boolean; readonly schema: Schema };
type Described = {
  readonly headers?: Readonly<Record<string, Reference>>;
  readonly content?: { readonly 'application/json': { readonly schema: Schema } };
};
type Operation = { readonly operationId: string; readonly responses: Readonly<Record<string, Described | Reference>> };
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

const document: Document = JSON.parse(readFileSync('src/openapi.json', 'utf8'));
const { components } = document;

const paths = Object.entries(document.paths).map(([template, operations]) => ({
  pattern: new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
  operations,
}));

function resolve<T>({ $ref }: Reference): T {
  const [, , kind = '', name = ''] = $ref.split('/');
  return components[kind]?.[name] as T;
}

const compile = (schema: Schema) => new Validator({ ...schema, components } as Schema, '2020-12', false);

type Judge = (answer: Answer) => string[];

const judges = new Map<string, Judge | undefined>();

/** What is wrong with the answer, as sentences; none where it is as the document has it. */
export function judge(call: Call, answer: Answer): string[] {
  const [path = ''] = call.path.split('?');
  const item = paths.find(({ pattern }) => pattern.test(path));
  const operation = item?.operations[call.method.toLowerCase()];
  const where = `${operation?.operationId ?? `${call.method} ${path}`} ${answer.status}`;
  if (!operation) return judgeUndocumented(answer).map((problem) => `${where}: ${problem}`);
  if (!judges.has(where)) judges.set(where, createJudge(operation, answer.status));
  const judgeAnswer = judges.get(where);
  if (!judgeAnswer) return [`${where} is not in the document`];
  return judgeAnswer(answer).map((problem) => `${where}: ${problem}`);
}

/** What Node and HTTP bring with any answer, which no document declares. */
const UNDECLARED = new Set(['content-type', 'content-length', 'transfer-encoding', 'connection', 'keep-alive', 'date']);

function createJudge(operation: Operation, status: number): Judge | undefined {
  const response = operation.responses[status];
  if (!response) return undefined;
  const described = '$ref' in response ? resolve<Described>(response) : response;
  const headers = Object.entries(described.headers ?? {}).map(([name, reference]) => {
    const { required, schema } = resolve<Header>(reference);
    return { name, required, validator: compile(schema) };
  });
  const declared = new Set(headers.map(({ name }) => name));
  const schema = described.content?.['application/json'].schema;
  const body = schema && compile(schema);

  return (answer) => [
    ...headers.flatMap(({ name, required, validator }) => {
      const value = answer.headers[name];
      if (value === undefined) return required ? [`lacks ${name}`] : [];
      return validator.validate(value).valid ? [] : [`${name} is ${value}`];
    }),
    ...Object.keys(answer.headers)
      .filter((name) => !declared.has(name) && !UNDECLARED.has(name))
      .map((name) => `has the header ${name}, which is not in the document`),
    ...judgeBody(answer, body),
  ];
}

function judgeBody(answer: Answer, validator: Validator | undefined): string[] {
  if (!validator) return answer.text === '' ? [] : ['has a body'];
  if (answer.headers['content-type'] !== 'application/json') return ['is not declared as JSON'];
  return validator.validate(answer.body).errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
}

const error = compile({ $ref: '#/components/schemas/Error' });

/** A path or a method that does not exist. */
function judgeUndocumented(answer: Answer): string[] {
  const known = answer.status === 404 || answer.status === 405;
  const allows = answer.headers['allow'] !== undefined;
  return [
    ...(known ? [] : ['neither 404 nor 405']),
    ...(allows === (answer.status === 405) ? [] : ['Allow belongs to 405']),
    ...judgeBody(answer, error),
  ];
}
