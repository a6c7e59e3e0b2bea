/**
 * Finds a value in a body by a JSONPath (RFC 9535), with the library json-p3. Strangers send the
 * body, so this file limits the steps that json-p3 can take.
 */
import {
  compile,
  JSONPathError,
  JSONPathNode,
  type JSONPathQuery,
  type JSONValue,
  jsonpath,
  TokenKind,
} from 'json-p3';
import { unprocessable } from '../failure.ts';
import { PATH_MAX_STEPS } from '../limits.ts';

const { expressions, selectors } = jsonpath;

type Segment = JSONPathQuery['segments'][number];
type Expression = InstanceType<typeof expressions.FilterExpression>;

export const NOT_A_PATH =
  "path must be a JSONPath (RFC 9535), such as $.answers[?@.field.ref=='usefulness'].number.";

/**
 * Refuses a text that is not a JSONPath, and a path whose cost can grow faster than the body.
 * @throws {Failure} `unprocessable`.
 */
export function refuseCostlyPath(path: string): void {
  const fault = findFault(path);
  if (fault !== undefined) {
    throw unprocessable(
      `path cannot have ${fault}. It may have names, indexes, * and slices, and filters that compare @ and names below it with a text, a number, true, false or null.`,
    );
  }
}

function findFault(path: string): string | undefined {
  const { segments } = parse(path);
  if (segments.some(({ token }) => token.kind === TokenKind.DDOT)) return '.., which searches';
  if (segments.some((segment) => segment.selectors.length > 1)) return 'a list in brackets';
  return segments
    .flatMap(listFilterParts)
    .map(findFaultOfPart)
    .find((fault) => fault !== undefined);
}

/** Matches a quoted text, or a number that begins with 0 outside quotes. */
const TEXT_OR_NUMBER_FROM_0 =
  /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![-.\w\u{80}-\u{10ffff}])0(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[^.\w]|$)/gsu;

/** json-p3 2.3.1 refuses numbers such as 0.5 and 0.0, so 0.5 becomes 5e-1 and 0.0 becomes -0.0. */
const rewriteLeadingZeros = (path: string) =>
  path.replace(TEXT_OR_NUMBER_FROM_0, (found) => {
    if (found === '0' || !found.startsWith('0')) return found;
    return Number(found) === 0 ? '-0.0' : Number(found).toExponential();
  });

function parse(path: string) {
  try {
    return compile(rewriteLeadingZeros(path));
  } catch (thrown) {
    if (thrown instanceof JSONPathError) throw unprocessable(NOT_A_PATH);
    throw thrown;
  }
}

/**
 * Returns all parts of a segment's filter. `?@.a == 1` has three: `@.a`, `1` and the comparison.
 */
const listFilterParts = ({ selectors: [selector] }: Segment): Expression[] =>
  selector instanceof selectors.FilterSelector ? listParts(selector.expression) : [];

/** Lists the parts of an expression. Ignores functions, because findFault refuses them. */
function listParts(expression: Expression): Expression[] {
  if (expression instanceof expressions.LogicalExpression) return listParts(expression.expression);
  if (expression instanceof expressions.PrefixExpression)
    return [expression, ...listParts(expression.right)];
  if (!(expression instanceof expressions.InfixExpression)) return [expression];
  return [...listParts(expression.left), ...listParts(expression.right), expression];
}

function findFaultOfPart(part: Expression): string | undefined {
  if (part instanceof expressions.FunctionExtension) return 'a function such as match()';
  if (part instanceof expressions.RootQuery) return '$ in a filter';
  if (part instanceof expressions.FilterQuery && !part.path.singularQuery())
    return 'a filter, *, a slice or a list in a filter';
  if (part instanceof expressions.NumberLiteral && !isExact(part.value))
    return `a number beyond ${Number.MAX_SAFE_INTEGER}`;
  if (part instanceof expressions.InfixExpression && !part.logical && hasTwoQueries(part))
    return 'a comparison of two places';
  return undefined;
}

/** Returns false for a number beyond 2^53 - 1, because JSON.parse rounds such integers. */
const isExact = (number: number) => Math.abs(number) <= Number.MAX_SAFE_INTEGER;

/**
 * Returns true if both sides of a comparison are queries. Both may find objects, and comparing two
 * objects costs more than one step.
 */
const hasTwoQueries = ({ left, right }: InstanceType<typeof expressions.InfixExpression>) =>
  left instanceof expressions.FilterQuery && right instanceof expressions.FilterQuery;

/**
 * Returns the values that a path finds in a body, if `refuseCostlyPath` has accepted the path.
 * @throws {Failure} `unprocessable` if the path takes too many steps.
 */
export function findByPath(body: unknown, path: string): readonly unknown[] {
  const root = body as JSONValue;
  let nodes = [new JSONPathNode(root, [], root)];
  let steps = 0;
  for (const segment of parse(path).segments) {
    const [selector] = segment.selectors;
    const isOneStep =
      selector instanceof selectors.NameSelector || selector instanceof selectors.IndexSelector;
    const stepsPerElement =
      1 + listFilterParts(segment).reduce((sum, part) => sum + countSteps(part), 0);
    // json-p3 has no limit, so this loop counts the steps before json-p3 takes them.
    for (const { value } of nodes) {
      steps += isOneStep ? 1 : stepsPerElement * countElements(value);
      if (steps > PATH_MAX_STEPS) throw tooManySteps();
    }
    nodes = segment.resolve(nodes);
  }
  return nodes.map(({ value }) => value);
}

/** A query takes 1 step, and 1 more for each name or index: `@.field.ref` takes 3. */
const countSteps = (part: Expression) =>
  part instanceof expressions.FilterQuery ? 1 + part.path.segments.length : 1;

function countElements(value: JSONValue): number {
  if (typeof value !== 'object' || value === null) return 0;
  return Array.isArray(value) ? value.length : Object.keys(value).length;
}

const tooManySteps = () =>
  unprocessable(
    `The path takes more than ${PATH_MAX_STEPS} steps in the body: lead it to a shorter list, or shorten its filter.`,
  );
