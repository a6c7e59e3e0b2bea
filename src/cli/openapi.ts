/**
 * `npm run openapi` writes the OpenAPI document that the Worker serves. With `--check`, the program
 * only fails if the written document is stale.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as evaluations from '../evaluation/openapi.ts';
import * as labels from '../label/openapi.ts';
import * as links from '../link/openapi.ts';
import { Component, type Keywords, mapValues } from '../openapi.ts';
import * as service from '../service.openapi.ts';
import { FLAG, program } from './program.ts';

const TARGET = 'src/openapi.generated.json';

const HELP = `Writes the OpenAPI document, as src/**/*openapi.ts describe it, into ${TARGET}.

  npm run openapi -- [options]

  --check   writes nothing, and fails if the file is stale
  --help    this text`;

/**
 * Replaces each component by a `$ref`, and collects the definitions under `components`.
 * @throws {Error} if a component has no name, or if two components have the same name.
 */
function assemble({ components, ...rest }: Keywords & { readonly components: object }): object {
  const definitions = new Map<string, object>();
  const sections: { [section: string]: { [name: string]: unknown } } = {};

  function resolve(value: unknown): unknown {
    if (value instanceof Component) return { $ref: define(value), description: value.description };
    if (Array.isArray(value)) return value.map(resolve);
    return typeof value === 'object' && value !== null ? mapValues({ ...value }, resolve) : value;
  }

  function define({ section, name, definition }: Component): string {
    if (!name) throw new Error(`a component has no name: ${JSON.stringify(definition)}`);
    const path = `#/components/${section}/${name}`;
    if (!definitions.has(path)) {
      definitions.set(path, definition);
      sections[section] = { ...sections[section], [name]: resolve(definition) };
    }
    if (definitions.get(path) !== definition) throw new Error(`${path} is defined twice`);
    return path;
  }

  return { ...mapValues(rest, resolve), components: { ...components, ...sections } };
}

const document = assemble({
  openapi: '3.1.0',
  info: service.info,
  servers: [service.server],
  security: [{ BearerAuth: [] }],
  tags: [labels.tag, evaluations.tag, links.tag, service.tag],
  paths: { ...labels.paths, ...evaluations.paths, ...links.paths, ...service.paths },
  components: { securitySchemes: { BearerAuth: service.bearerAuth } },
});

function run(check: boolean): void {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (existsSync(TARGET) && readFileSync(TARGET, 'utf8') === text) return;
  if (check)
    throw new Error(`${TARGET} is stale: run \`npm run openapi\`, and read what it changed.`);
  writeFileSync(TARGET, text);
  console.log(`Wrote ${TARGET}.`);
}

await program(HELP, { check: FLAG }, ({ check }) => run(check));
