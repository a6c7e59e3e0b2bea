/** The document as a judge: whether an answer to a request is one that it describes, in full and in nothing else. */
import { exports } from 'cloudflare:workers';
import { type Schema, Validator } from '@cfworker/json-schema';
import { expect } from 'vitest';

type Header = { required?: boolean; schema: Schema };
type Described = {
  description: string;
  headers?: Record<string, { $ref: string }>;
  content?: {
    'application/json': { schema: Schema; examples?: Record<string, { value: unknown }> };
    'text/html'?: object;
  };
};
type Operation = {
  operationId: string;
  parameters?: { $ref: string }[];
  requestBody?: { description: string };
  responses: Record<string, Described | { $ref: string }>;
};
type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: {
    parameters: Record<string, { name: string; in: string; schema: object }>;
    responses: Record<string, Described>;
  };
};

/** The document as the Worker serves it. */
export const document: Document = await (
  await exports.default.fetch('https://api.test/openapi.json')
).json();

const METHODS = ['get', 'put', 'post', 'delete'] as const;
const { components } = document;

/** Every operation of the document, with the path it answers. */
export const DOCUMENTED = Object.entries(document.paths).flatMap(([template, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method];
    const path = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`);
    return operation ? [{ method, template, path, operation }] : [];
  }),
);

/** What the reference names: `#/components/headers/ETag` and the like. */
function resolve<T>(reference: { $ref: string }): T {
  const [, , kind = '', name = ''] = reference.$ref.split('/');
  const found = (components as unknown as Record<string, Record<string, T>>)[kind]?.[name];
  if (found === undefined) throw new Error(`${reference.$ref} is not in the document`);
  return found;
}

export const describedResponse = (operation: Operation, status: number): Described | undefined => {
  const response = operation.responses[status];
  return response && '$ref' in response ? resolve<Described>(response) : response;
};

/** Made once a schema: to resolve all references again for each response takes as long as the response itself. */
const validators = new WeakMap<Schema, Validator>();
function validatorOf(schema: Schema): Validator {
  const validator =
    validators.get(schema) ?? new Validator({ ...schema, components } as Schema, '2020-12', false);
  validators.set(schema, validator);
  return validator;
}

export function errorsOf(schema: Schema, instance: unknown): string[] {
  const { errors } = validatorOf(schema).validate(instance);
  return errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
}

/** Headers of HTTP itself and of CORS, which no document declares. */
const UNDECLARED = /^(content-type|content-length|vary|access-control-.*)$/;

/** Fails the test where the answer is not as the document has it. */
export async function expectDocumented(request: Request, response: Response): Promise<void> {
  const { pathname } = new URL(request.url);
  const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase();
  const found = DOCUMENTED.find(
    (candidate) => candidate.method === method && candidate.path.test(pathname),
  );
  if (!found) return expectUndocumented(request, response);

  const described = describedResponse(found.operation, response.status);
  const where = `${found.operation.operationId} ${response.status}`;
  if (!described) throw new Error(`${where} is not in the document`);
  const declared = described.headers ?? {};
  for (const [name, reference] of Object.entries(declared)) {
    const header = resolve<Header>(reference);
    const value = response.headers.get(name);
    if (value === null) expect(header.required, `${where} lacks ${name}`).not.toBe(true);
    else expect(errorsOf(header.schema, value), `${where} ${name}`).toEqual([]);
  }
  const extra = [...response.headers.keys()].filter(
    (name) => !UNDECLARED.test(name) && !(name in declared),
  );
  expect(extra, `${where} has headers that are not in the document`).toEqual([]);
  if (request.method === 'HEAD') return;
  if (!described.content) return expect(await response.clone().text(), where).toBe('');
  if (
    described.content['text/html'] &&
    response.headers.get('content-type') === 'text/html; charset=utf-8'
  )
    return;
  expect(response.headers.get('content-type'), where).toBe('application/json');
  expect(
    errorsOf(described.content['application/json'].schema, await response.clone().json()),
    where,
  ).toEqual([]);
}

/** What is no operation is a path or a method that does not exist, or a browser that asks before it calls. */
async function expectUndocumented(request: Request, response: Response): Promise<void> {
  if (
    request.method === 'OPTIONS' &&
    request.headers.has('access-control-request-method') &&
    response.status === 204
  )
    return;
  expect([404, 405]).toContain(response.status);
  expect(response.headers.has('allow')).toBe(response.status === 405);
  if (request.method === 'HEAD') return;
  expect(errorsOf({ $ref: '#/components/schemas/Error' }, await response.clone().json())).toEqual(
    [],
  );
}
