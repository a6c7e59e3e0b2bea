/**
 * The OpenAPI document, put together from the part of each resource and what all share. Its parts are imported when it is
 * first asked for, which spares the start-up a tenth; and all here, so that they are neighbours in the bundle: apart, gzip
 * finds nothing of one in another, which costs 2.5 KiB.
 */

/** A part of the document: its tags, its paths, and components, which may refer to what openapi.json shares. */
type Part = {
  readonly tags: readonly object[];
  readonly paths: object;
  readonly components: { readonly [section: string]: object };
};

/** No two parts may define the same name, which test/node/document.test.ts holds. */
export async function openApiDocument(): Promise<object> {
  const { default: labels } = await import('./label/openapi.json');
  const { default: evaluations } = await import('./evaluation/openapi.json');
  const { default: links } = await import('./link/openapi.json');
  const { default: service } = await import('./openapi.json');
  const parts: readonly Part[] = [labels, evaluations, links, service];
  const components: { [section: string]: object } = {};
  for (const [section, named] of parts.flatMap((part) => Object.entries(part.components))) {
    components[section] = { ...components[section], ...named };
  }
  const paths = Object.assign({}, ...parts.map((part) => part.paths));
  return { ...service, tags: parts.flatMap(({ tags }) => tags), paths, components };
}
