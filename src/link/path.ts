/**
 * Finds a value in a body by a JSONPath (RFC 9535), with the library json-p3.
 * The creator of a link chooses the path, and strangers send the body. So this file limits the time
 * that json-p3 can take, in two ways:
 * - It refuses paths such as `$..a`, whose cost can grow faster than the size of the body.
 * - In one body, a path may take at most PATH_MAX_STEPS steps. limits.ts explains how steps are
 *   counted.
 * A filter is safer than an index if a sender leaves out skipped questions.
 * `$.answers[?@.field.ref=='q1'].number` always finds the answer to q1, but `$.answers[0].number`
 * may find the answer to another question.
 * value.ts loads this file only if the link has a path.
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

/** The error message for a text that is not a JSONPath. */
export const NOT_A_PATH =
  "path must be a JSONPath (RFC 9535), such as $.answers[?@.field.ref=='usefulness'].number.";

/**
 * Refuses a text that is not a JSONPath, and a path that could cost more time than reading the
 * body.
 * @throws {Failure} `unprocessable`, with a message that names the forbidden part of the path.
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

/**
 * Matches a number that begins with 0, such as 0.5. Also matches every quoted text as a whole. So a
 * number inside a quoted text is not matched, and rewriteLeadingZeros does not change it.
 */
const TEXT_OR_NUMBER_FROM_0 =
  /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![-.\w\u{80}-\u{10ffff}])0(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[^.\w]|$)/gsu;

/**
 * Rewrites numbers such as 0.5 and 0.0 in a path, because json-p3 2.3.1 refuses every number that
 * begins with 0, except 0 itself. 0.5 becomes 5e-1. 0.0 becomes -0.0, which is equal to 0.0.
 */
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
 * Returns all parts of a segment's filter. For example, `?@.a == 1` has three parts: `@.a`, `1`,
 * and the comparison. If the segment has no filter, returns an empty list.
 */
const listFilterParts = ({ selectors: [selector] }: Segment): Expression[] =>
  selector instanceof selectors.FilterSelector ? listParts(selector.expression) : [];

/**
 * Returns the parts of a filter's expression: operands first, then their operator. Does not return
 * the arguments of a function, because findFault refuses a path with a function.
 */
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

/**
 * Returns true if the number is from -(2^53 - 1) to 2^53 - 1. JSON.parse rounds larger integers, so
 * two different integers in a body could become equal.
 */
const isExact = (number: number) => Math.abs(number) <= Number.MAX_SAFE_INTEGER;

/**
 * Returns true if both sides of a comparison are queries, such as `@.a == @.b`. Both queries may
 * find objects, and comparing two objects costs more than one step.
 */
const hasTwoQueries = ({ left, right }: InstanceType<typeof expressions.InfixExpression>) =>
  left instanceof expressions.FilterQuery && right instanceof expressions.FilterQuery;

/**
 * Returns the values that the path finds in a body. The path must have passed `refuseCostlyPath`.
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
    // json-p3 does not limit its steps. So this loop counts the steps that json-p3 will take for
    // the segment. If there are too many, it throws before json-p3 takes them.
    for (const { value } of nodes) {
      steps += isOneStep ? 1 : stepsPerElement * countElements(value);
      if (steps > PATH_MAX_STEPS) throw tooManySteps();
    }
    nodes = segment.resolve(nodes);
  }
  return nodes.map(({ value }) => value);
}

/**
 * Returns the number of steps that json-p3 takes for one part of a filter. A query takes 1 step,
 * and 1 more for each name or index: `@.field.ref` takes 3. Each part that is not a query takes 1
 * step.
 */
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
