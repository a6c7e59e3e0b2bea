/**
 * Checks responses against the OpenAPI document that the Worker serves. test/support/document.ts
 * has the same rules, but works only in vitest.
 */
import { type Schema, Validator } from '@cfworker/json-schema';
import type { Answer, Call } from './caller.ts';

type Reference = { readonly $ref: string };
type Header = { readonly required?: boolean; readonly schema: Schema };
type Described = {
  readonly headers?: Readonly<Record<string, Reference>>;
  readonly content?: { readonly 'application/json': { readonly schema: Schema } };
};
type Operation = {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Described | Reference>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

/** Returns a sentence for each difference between a response and the OpenAPI document. */
export type Judge = (call: Call, answer: Answer) => string[];

export async function fetchJudge(url: URL): Promise<Judge> {
  const response = await fetch(new URL('/openapi.json', url));
  const { paths, components } = (await response.json()) as Document;
  const items = Object.entries(paths).map(([template, operations]) => ({
    pattern: new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`),
    operations,
  }));
  const error = compile({ $ref: '#/components/schemas/Error' }, components);
  const judges = new Map<string, JudgeAnswer | undefined>();

  return function judge(call, answer) {
    const [path = ''] = call.path.split('?');
    const item = items.find(({ pattern }) => pattern.test(path));
    const operation = item?.operations[call.method.toLowerCase()];
    const where = `${operation?.operationId ?? `${call.method} ${path}`} ${answer.status}`;
    if (!operation)
      return judgeUndocumented(answer, error).map((problem) => `${where}: ${problem}`);
    if (!judges.has(where)) judges.set(where, createJudge(operation, answer.status, components));
    const judgeAnswer = judges.get(where);
    if (!judgeAnswer) return [`${where} is not in the document`];
    return judgeAnswer(answer).map((problem) => `${where}: ${problem}`);
  };
}

type Components = Document['components'];

const compile = (schema: Schema, components: Components) =>
  new Validator({ ...schema, components } as Schema, '2020-12', false);

type JudgeAnswer = (answer: Answer) => string[];

/** The headers that a response may have although the document does not declare them. */
const UNDECLARED = new Set([
  'content-type',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'date',
]);

function createJudge(
  operation: Operation,
  status: number,
  components: Components,
): JudgeAnswer | undefined {
  const resolve = <T>({ $ref }: Reference): T => {
    const [, , kind = '', name = ''] = $ref.split('/');
    return components[kind]?.[name] as T;
  };
  const response = operation.responses[status];
  if (!response) return undefined;
  const described = '$ref' in response ? resolve<Described>(response) : response;
  const headers = Object.entries(described.headers ?? {}).map(([name, reference]) => {
    const { required, schema } = resolve<Header>(reference);
    return { name, required, validator: compile(schema, components) };
  });
  const declared = new Set(headers.map(({ name }) => name));
  const schema = described.content?.['application/json'].schema;
  const body = schema && compile(schema, components);

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
  return validator
    .validate(answer.body)
    .errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
}

/** Checks the response to a request whose path or method is not in the document. */
function judgeUndocumented(answer: Answer, error: Validator): string[] {
  const known = answer.status === 404 || answer.status === 405;
  const allows = answer.headers['allow'] !== undefined;
  return [
    ...(known ? [] : ['neither 404 nor 405']),
    ...(allows === (answer.status === 405) ? [] : ['Allow belongs to 405']),
    ...judgeBody(answer, error),
  ];
}
