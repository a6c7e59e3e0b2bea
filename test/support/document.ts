/** Checks that the OpenAPI document describes each response completely. */
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

export const document: Document = await (
  await exports.default.fetch('https://api.test/openapi.json')
).json();

const METHODS = ['get', 'put', 'post', 'delete'] as const;
const { components } = document;

export const DOCUMENTED = Object.entries(document.paths).flatMap(([template, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method];
    const path = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`);
    return operation ? [{ method, template, path, operation }] : [];
  }),
);

const referenced = new Map<string, unknown>(
  Object.entries(components).flatMap(([kind, named]) =>
    Object.entries(named).map(([name, component]) => [`#/components/${kind}/${name}`, component]),
  ),
);

function resolve<T>({ $ref }: { $ref: string }): T {
  if (!referenced.has($ref)) throw new Error(`${$ref} is not in the document`);
  return referenced.get($ref) as T;
}

export const findResponse = (operation: Operation, status: number): Described | undefined => {
  const response = operation.responses[status];
  return response && '$ref' in response ? resolve<Described>(response) : response;
};

/** Caches validators, because making one takes as long as a response of the Worker. */
const validators = new WeakMap<Schema, Validator>();
function getValidator(schema: Schema): Validator {
  const validator =
    validators.get(schema) ?? new Validator({ ...schema, components } as Schema, '2020-12', false);
  validators.set(schema, validator);
  return validator;
}

export function listErrors(schema: Schema, instance: unknown): string[] {
  const { errors } = getValidator(schema).validate(instance);
  return errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
}

/** Headers of HTTP itself and of CORS, which the document does not declare. */
const UNDECLARED = /^(content-type|content-length|vary|access-control-.*)$/;

/**
 * Throws an error if the document does not describe the response. Ten calls of `expect` would take
 * longer than the response.
 */
export async function expectDocumented(request: Request, response: Response): Promise<void> {
  const { pathname } = new URL(request.url);
  const method = request.method === 'HEAD' ? 'get' : request.method.toLowerCase();
  const found = DOCUMENTED.find(
    (candidate) => candidate.method === method && candidate.path.test(pathname),
  );
  if (!found) return expectUndocumented(request, response);

  const described = findResponse(found.operation, response.status);
  const where = `${found.operation.operationId} ${response.status}`;
  if (!described) throw new Error(`${where} is not in the document`);
  const faults = findHeaderFaults(described.headers ?? {}, response.headers);
  if (request.method !== 'HEAD') faults.push(...(await findContentFaults(described, response)));
  if (faults.length > 0)
    throw new Error(`${where} is not as in the document: ${faults.join('; ')}`);
}

/** Caches the header values that each schema has accepted. */
const accepted = new Map<Schema, Set<string>>();

function findHeaderFaults(declared: NonNullable<Described['headers']>, headers: Headers): string[] {
  const faults: string[] = [];
  for (const [name, reference] of Object.entries(declared)) {
    const { schema, required } = resolve<Header>(reference);
    const values = accepted.get(schema) ?? new Set<string>();
    accepted.set(schema, values);
    const value = headers.get(name);
    if (value === null) {
      if (required) faults.push(`lacks the header ${name}`);
    } else if (!values.has(value)) {
      const errors = listErrors(schema, value);
      faults.push(...errors.map((error) => `header ${name} ${error}`));
      if (errors.length === 0) values.add(value);
    }
  }
  for (const name of headers.keys()) {
    if (!UNDECLARED.test(name) && !(name in declared))
      faults.push(`has the header ${name}, which the document does not declare`);
  }
  return faults;
}

async function findContentFaults({ content }: Described, response: Response): Promise<string[]> {
  const type = response.headers.get('content-type');
  if (!content) return (await response.clone().text()) === '' ? [] : ['has a body'];
  if (content['text/html'] && type === 'text/html; charset=utf-8') return [];
  if (type !== 'application/json') return [`has the content type ${type}`];
  return listErrors(content['application/json'].schema, await response.clone().json());
}

/** Accepts only a 404, a 405, the 204 for a preflight request, and the page at `/`. */
async function expectUndocumented(request: Request, response: Response): Promise<void> {
  if (
    request.method === 'OPTIONS' &&
    request.headers.has('access-control-request-method') &&
    response.status === 204
  )
    return;
  const isPage = new URL(request.url).pathname === '/' && response.status === 200;
  if (isPage && response.headers.get('content-type')?.startsWith('text/html')) return;
  expect([404, 405]).toContain(response.status);
  expect(response.headers.has('allow')).toBe(response.status === 405);
  if (request.method === 'HEAD') return;
  expect(listErrors({ $ref: '#/components/schemas/Error' }, await response.clone().json())).toEqual(
    [],
  );
}
