/**
 * The OpenAPI document, put together from the part of each resource and what all share. Its parts stand in one module so
 * that they are neighbours in the bundle: apart, gzip finds nothing of one in another, which costs 2.5 KiB.
 */
import evaluations from './evaluation/openapi.json';
import labels from './label/openapi.json';
import links from './link/openapi.json';
import service from './openapi.json';

/** A part of the document: its tags, its paths, and components, which may refer to what openapi.json shares. */
type Part = {
  readonly tags: readonly object[];
  readonly paths: object;
  readonly components: { readonly [section: string]: object };
};

const PARTS: readonly Part[] = [labels, evaluations, links, service];

/** No two parts may define the same name, which test/node/document.test.ts holds. */
export function openApiDocument(): object {
  const components: { [section: string]: object } = {};
  for (const [section, named] of PARTS.flatMap((part) => Object.entries(part.components))) {
    components[section] = { ...components[section], ...named };
  }
  const paths = Object.assign({}, ...PARTS.map((part) => part.paths));
  return { ...service, tags: PARTS.flatMap(({ tags }) => tags), paths, components };
}
