/**
 * Finds a value by a JSONPath (RFC 9535), with the library json-p3.
 * The creator of a link chooses the path, and strangers send the body. So this file limits the time
 * that a path can take. A path may have only parts whose cost grows no faster than the size of the
 * body. In one body, a path may take at most PATH_MAX_STEPS steps (limits.ts tells how steps are
 * counted).
 * A path with a filter, such as `$.answers[?@.field.ref=='q1'].number`, finds the right answer even
 * if the sender leaves out skipped questions. An index would then find another question's answer.
 * value.ts loads this file only for a link that has a path.
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
 * @throws {Failure} `unprocessable`. The sentence names the part that is not allowed.
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

/** Matches a quoted text, which must stay as it is, or a number that begins with 0, such as 0.5. */
const TEXT_OR_NUMBER_FROM_0 =
  /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|(?<![-.\w\u{80}-\u{10ffff}])0(?:\.\d+)?(?:[eE][+-]?\d+)?(?=[^.\w]|$)/gsu;

/**
 * Rewrites numbers that begin with 0. json-p3 2.3.1 refuses all of them except 0 itself. So 0.5
 * becomes 5e-1, and 0.0 becomes -0.0, which is equal.
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

/** Returns all parts of the filter in a segment; an empty list if the segment has no filter. */
const listFilterParts = ({ selectors: [selector] }: Segment): Expression[] =>
  selector instanceof selectors.FilterSelector ? listParts(selector.expression) : [];

/**
 * Returns the parts of a filter, each operand before its operator. Leaves out the arguments of
 * functions, because a path with a function is refused.
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
 * Returns true if the number is at most 2^53 - 1 in size. Beyond that, JSON.parse rounds different
 * integers to the same double.
 */
const isExact = (number: number) => Math.abs(number) <= Number.MAX_SAFE_INTEGER;

/**
 * Returns true if a comparison has a query on both sides, such as `@.a == @.b`. Both sides may be
 * objects, and comparing two objects costs more than one step.
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
    // json-p3 has no limit, so this loop counts the steps of a segment before json-p3 takes them.
    for (const { value } of nodes) {
      steps += isOneStep ? 1 : stepsPerElement * countElements(value);
      if (steps > PATH_MAX_STEPS) throw tooManySteps();
    }
    nodes = segment.resolve(nodes);
  }
  return nodes.map(({ value }) => value);
}

/**
 * Returns the number of steps that one part of a filter takes. A query such as `@.field.ref` takes
 * 1 step, and 1 more for each name or index. Every other part takes 1 step.
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
