/**
 * The mutants of a TypeScript file: which changes, and the file with all of them behind a switch. A mutant replaces a whole
 * expression, because that can be switched where it stands: `(__m(17) ? mutated : original)`. Types are left alone.
 */
import { parseAst } from 'vitest/node';
import type { Change } from './mutant.ts';
import { regexChanges } from './regex.ts';

type Node = {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [property: string]: unknown;
};

function mapOf(entries: { readonly [name: string]: string }): ReadonlyMap<string, string> {
  return new Map(Object.entries(entries));
}

const BINARY = new Map(
  Object.entries<readonly string[]>({
    '===': ['!=='],
    '!==': ['==='],
    '<': ['<=', '>='],
    '<=': ['<', '>'],
    '>': ['>=', '<='],
    '>=': ['>', '<'],
    '+': ['-'],
    '-': ['+'],
    '*': ['/'],
    '/': ['*'],
    '%': ['*'],
    '**': ['*'],
    '&': ['|'],
    '|': ['&'],
    '^': ['&'],
    '<<': ['>>'],
    '>>': ['<<'],
    '>>>': ['<<'],
    in: [],
    instanceof: [],
  }),
);
const COMPARISON = /^(?:[!=]==|[<>]=?|in|instanceof)$/;
const ASSIGNMENT = mapOf({ '+=': '-=', '-=': '+=', '*=': '/=', '??=': '=', '||=': '=', '&&=': '=' });

/** A call of one of these in a chain is dropped: `text.trim()` becomes `text`. */
const DROPPED = new Set(
  [
    'trim',
    'toLowerCase',
    'toUpperCase',
    'filter',
    'map',
    'slice',
    'sort',
    'toSorted',
    'reverse',
    'toReversed',
    'flat',
  ].concat(['replace', 'replaceAll', 'padStart', 'padEnd', 'normalize', 'substring', 'catch', 'finally']),
);
const SWAPPED = mapOf({ some: 'every', every: 'some', startsWith: 'endsWith', endsWith: 'startsWith' });
const SWAPPED_OF_MATH = mapOf({ min: 'max', max: 'min', floor: 'ceil', ceil: 'floor', round: 'floor' });

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;
const nodesIn = (value: unknown): Node[] => (Array.isArray(value) ? value : [value]).filter(isNode);

/** A constant of a module, where a function reads it. */
export type Read = { readonly start: number; readonly end: number; readonly name: string };

export type Analysis = {
  /** The changes that can be made one at a time. Those of one expression have the same start and end. */
  readonly changes: readonly Change[];
  readonly reads: readonly Read[];
  /** Which other constants a constant is made from, by name. */
  readonly madeFrom: ReadonlyMap<string, ReadonlySet<string>>;
  /** Local name to file, as imported. */
  readonly imported: ReadonlyMap<string, string>;
};

export function analyse(source: string): Analysis {
  const found = new Map<string, Change>();
  const reads: Read[] = [];
  const madeFrom = new Map<string, Set<string>>();
  const imported = new Map<string, string>();
  let scope: number | string | undefined;

  const text = ({ start, end }: Pick<Node, 'start' | 'end'>) => source.slice(start, end);
  const change = ({ start, end }: Pick<Node, 'start' | 'end'>, to: string) => {
    if (to !== source.slice(start, end)) found.set(`${start}-${end}-${to}`, { start, end, to, scope });
  };
  /** The whole expression, with a part of it replaced. */
  const within = (whole: Node, part: Pick<Node, 'start' | 'end'>, to: string) =>
    change(whole, source.slice(whole.start, part.start) + to + source.slice(part.end, whole.end));
  /** The whole expression without one element of a list, and without its comma. */
  const withoutElement = (whole: Node, list: readonly Node[], index: number) => {
    const [before, element, after] = [list[index - 1], list[index], list[index + 1]];
    if (!element) return;
    within(
      whole,
      after ? { start: element.start, end: after.start } : { start: before?.end ?? element.start, end: element.end },
      '',
    );
  };

  const asCondition = (node: Node) => {
    change(node, 'true');
    change(node, 'false');
    visit(node, true);
  };

  function inFunction(node: Node, body: Node): void {
    const outer = scope;
    if (typeof scope !== 'number') scope = node.start;
    for (const param of nodesIn(node['params'])) pattern(param);
    if (body.type === 'BlockStatement') {
      const statements = nodesIn(body['body']);
      const [only] = statements;
      const isOneReturn = statements.length === 1 && /^(?:Return|Expression|Throw)Statement$/.test(only?.type ?? '');
      if (statements.length > 0 && !isOneReturn) change(body, '{}');
      visit(body);
    } else {
      if (text(body) !== 'undefined') change(body, 'undefined');
      visit(body);
    }
    scope = outer;
  }

  function declarator(node: Node): void {
    const [id, init] = [node['id'] as Node, node['init']];
    const isOfModule = scope === undefined && id.type === 'Identifier';
    if (isOfModule) {
      scope = String(id['name']);
      madeFrom.set(scope, new Set());
    }
    pattern(id);
    if (isNode(init)) visit(init);
    if (isOfModule) scope = undefined;
  }

  /** What is assigned to: only its defaults are values. */
  function pattern(node: Node): void {
    if (node.type === 'AssignmentPattern') {
      const right = node['right'] as Node;
      if (text(right) !== 'undefined') change(right, 'undefined');
      visit(right);
      pattern(node['left'] as Node);
    } else if (node.type === 'ObjectPattern') {
      for (const property of nodesIn(node['properties'])) pattern((property['value'] ?? property['argument']) as Node);
    } else if (node.type === 'ArrayPattern') {
      for (const element of nodesIn(node['elements'])) pattern(element);
    } else if (node.type === 'RestElement') pattern(node['argument'] as Node);
  }

  /** The links of an optional chain stand or fall together: only what is between their brackets is visited. */
  function chainLink(node: Node, whole: Node): void {
    if (node['optional'] === true) {
      const from = (node['object'] ?? node['callee']) as Node;
      const at = source.indexOf('?.', from.end);
      const isMember = node.type === 'MemberExpression' && node['computed'] !== true;
      within(whole, { start: at, end: at + 2 }, isMember ? '.' : '');
    }
    if (node.type === 'CallExpression') {
      for (const argument of nodesIn(node['arguments'])) visit(argument);
      chainLink(node['callee'] as Node, whole);
    } else if (node.type === 'MemberExpression') {
      if (node['computed'] === true) visit(node['property'] as Node);
      chainLink(node['object'] as Node, whole);
    } else visit(node);
  }

  function call(node: Node): void {
    const callee = node['callee'] as Node;
    const list = nodesIn(node['arguments']);
    if (callee.type === 'MemberExpression' && callee['computed'] !== true) {
      const [object, property] = [callee['object'] as Node, callee['property'] as Node];
      const name = text(property);
      const other = text(object) === 'Math' ? SWAPPED_OF_MATH.get(name) : SWAPPED.get(name);
      if (other) within(node, property, other);
      if (DROPPED.has(name)) change(node, text(object));
      if (name === 'pipe') for (const index of list.keys()) if (index > 0) withoutElement(node, list, index);
      visit(object);
    } else if (callee.type !== 'Super') visit(callee);
    for (const argument of list) visit(argument);
  }

  function template(node: Node, whole: Node): void {
    // A piece has what is around it: a grave accent, the bracket before it or the one behind.
    const pieces = nodesIn(node['quasis']).map(({ start, end }) => ({
      start: start + 1,
      end: end - (source.startsWith('${', end - 2) ? 2 : 1),
    }));
    const expressions = nodesIn(node['expressions']);
    const isTagged = whole !== node;
    if (pieces.some((piece) => text(piece) !== '')) within(whole, node, isTagged ? '``' : "''");
    // A page is put together from pieces, each of which may be missing.
    if (isTagged && pieces.length > 1) for (const piece of pieces) if (/\w/.test(text(piece))) within(whole, piece, '');
    if (!isTagged || expressions.length > 0) for (const expression of expressions) change(expression, "''");
    for (const expression of expressions) visit(expression);
  }

  function visit(node: Node, isCondition = false): void {
    switch (node.type) {
      case 'ImportDeclaration':
        for (const { local } of nodesIn(node['specifiers'])) {
          if (isNode(local)) imported.set(text(local), String((node['source'] as Node)['value']));
        }
        return;
      case 'ExportAllDeclaration':
        return;
      case 'Identifier':
        if (typeof scope === 'number') reads.push({ start: node.start, end: node.end, name: text(node) });
        else if (scope !== undefined) madeFrom.get(scope)?.add(text(node));
        return;
      case 'ExportNamedDeclaration':
      case 'ExportDefaultDeclaration':
        if (isNode(node['declaration'])) visit(node['declaration']);
        return;
      case 'VariableDeclarator':
        declarator(node);
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        if (isNode(node['body'])) inFunction(node, node['body']);
        return;
      case 'ExpressionStatement': {
        const expression = node['expression'] as Node;
        if (typeof node['directive'] === 'string') return;
        change(expression, 'undefined');
        visit(expression);
        return;
      }
      case 'ReturnStatement': {
        const argument = node['argument'];
        if (!isNode(argument)) return;
        if (text(argument) !== 'undefined') change(argument, 'undefined');
        visit(argument);
        return;
      }
      case 'ThrowStatement':
        visit(node['argument'] as Node);
        return;
      case 'IfStatement':
        asCondition(node['test'] as Node);
        visit(node['consequent'] as Node);
        if (isNode(node['alternate'])) visit(node['alternate']);
        return;
      case 'ConditionalExpression':
        asCondition(node['test'] as Node);
        visit(node['consequent'] as Node);
        visit(node['alternate'] as Node);
        return;
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'ForStatement':
        if (isNode(node['init'])) visit(node['init']);
        if (isNode(node['test'])) {
          change(node['test'], 'false');
          visit(node['test'], true);
        }
        if (isNode(node['update'])) visit(node['update']);
        visit(node['body'] as Node);
        return;
      case 'ForOfStatement':
        change(node['right'] as Node, '[]');
        visit(node['right'] as Node);
        visit(node['body'] as Node);
        return;
      case 'CatchClause':
        visit(node['body'] as Node);
        return;
      case 'LogicalExpression': {
        const [left, right] = [node['left'] as Node, node['right'] as Node];
        const operator = String(node['operator']);
        change(node, text(left));
        change(node, text(right));
        if (operator !== '??') {
          const at = source.indexOf(operator, left.end);
          within(node, { start: at, end: at + 2 }, operator === '&&' ? '||' : '&&');
        }
        visit(left);
        visit(right);
        return;
      }
      case 'BinaryExpression': {
        const [left, right] = [node['left'] as Node, node['right'] as Node];
        const operator = String(node['operator']);
        const at = source.indexOf(operator, left.end);
        const [first, ...others] = BINARY.get(operator) ?? [];
        // Where the whole condition is taken for true and for false, its opposite shows nothing more.
        const isBoundary = /^[<>]/.test(operator) && COMPARISON.test(operator);
        const replaced = isCondition && !isBoundary ? [] : isCondition ? [first] : [first, ...others];
        for (const other of replaced) if (other) within(node, { start: at, end: at + operator.length }, other);
        visit(left);
        // The type that a value is compared with is no text of ours.
        if (!(left.type === 'UnaryExpression' && left['operator'] === 'typeof')) visit(right);
        return;
      }
      case 'UnaryExpression': {
        const argument = node['argument'] as Node;
        const operator = String(node['operator']);
        if (operator === '!') {
          if (!isCondition) change(node, text(argument));
          visit(argument);
        } else {
          if (operator === '-' || operator === '~') change(node, text(argument));
          if (operator !== 'delete') visit(argument);
        }
        return;
      }
      case 'UpdateExpression':
        change(
          node,
          text(node).replace(/\+\+|--/, (found) => (found === '++' ? '--' : '++')),
        );
        return;
      case 'AssignmentExpression': {
        const [left, right] = [node['left'] as Node, node['right'] as Node];
        const operator = String(node['operator']);
        const other = ASSIGNMENT.get(operator);
        const at = source.indexOf(operator, left.end);
        if (other) within(node, { start: at, end: at + operator.length }, other);
        visit(right);
        return;
      }
      case 'Literal': {
        const { value } = node;
        if (node['regex']) for (const to of regexChanges(text(node))) change(node, to);
        else if (typeof value === 'string') change(node, value === '' ? "'mutant'" : "''");
        else if (typeof value === 'boolean') change(node, String(!value));
        else if (typeof value === 'number') {
          change(node, String(value + 1));
          change(node, String(value - 1));
        }
        return;
      }
      case 'TemplateLiteral':
        template(node, node);
        return;
      case 'TaggedTemplateExpression':
        template(node['quasi'] as Node, node);
        return;
      case 'ArrayExpression': {
        const list = nodesIn(node['elements']);
        for (const index of list.keys()) withoutElement(node, list, index);
        for (const element of list) visit(element.type === 'SpreadElement' ? (element['argument'] as Node) : element);
        return;
      }
      case 'ObjectExpression': {
        const list = nodesIn(node['properties']);
        list.forEach(({ value }, index) => {
          if (!isNode(value) || text(value) !== 'undefined') withoutElement(node, list, index);
        });
        for (const property of list) {
          if (property.type === 'SpreadElement') visit(property['argument'] as Node);
          else if (property['shorthand'] !== true) {
            if (property['computed'] === true) visit(property['key'] as Node);
            visit(property['value'] as Node);
          }
        }
        return;
      }
      case 'SpreadElement':
        visit(node['argument'] as Node);
        return;
      case 'ChainExpression':
        chainLink(node['expression'] as Node, node);
        return;
      case 'CallExpression':
        call(node);
        return;
      case 'NewExpression':
        for (const argument of nodesIn(node['arguments'])) visit(argument);
        return;
      case 'MemberExpression':
        visit(node['object'] as Node);
        if (node['computed'] === true) visit(node['property'] as Node);
        return;
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
      case 'TSNonNullExpression':
        visit(node['expression'] as Node, isCondition);
        return;
      default:
        if (node.type.startsWith('TS')) return;
        for (const [name, value] of Object.entries(node))
          if (name !== 'type') for (const child of nodesIn(value)) visit(child);
    }
  }

  visit(parseAst(source, { lang: 'ts' }) as unknown as Node);
  return { changes: sorted([...found.values()]), reads, madeFrom, imported };
}

const sorted = <T extends { readonly start: number; readonly end: number }>(places: T[]): T[] =>
  places.sort((a, b) => a.start - b.start || b.end - a.end);

/** The file with each change behind a switch. Blocks of functions become empty by returning at once. */
export function switchable(
  source: string,
  mutants: readonly (Change & { readonly id: number })[],
  reads: readonly Read[],
): string {
  type Place = {
    readonly start: number;
    readonly end: number;
    readonly here: { id: number; to: string }[];
    read?: string;
    readonly inner: Place[];
  };
  const whole: Place = { start: 0, end: source.length, here: [], inner: [] };
  const open = [whole];
  const placeOf = (start: number, end: number): Place => {
    const top = open.at(-1) ?? whole;
    if (top !== whole && (end > top.end || start >= top.end)) {
      open.pop();
      return placeOf(start, end);
    }
    if (top !== whole && top.start === start && top.end === end) return top;
    const inner: Place = { start, end, here: [], inner: [] };
    top.inner.push(inner);
    open.push(inner);
    return inner;
  };
  type Entry = {
    readonly start: number;
    readonly end: number;
    readonly id?: number;
    readonly to?: string;
    readonly name?: string;
  };
  for (const { start, end, id, to, name } of sorted<Entry>([...mutants, ...reads])) {
    const place = placeOf(start, end);
    if (id !== undefined && to !== undefined) place.here.push({ id, to });
    if (name !== undefined) place.read = name;
  }

  const render = ({ start, end, here, read, inner }: Place): string => {
    let text = '';
    let at = start;
    for (const place of inner) {
      text += source.slice(at, place.start) + render(place);
      at = place.end;
    }
    text += source.slice(at, end);
    if (read !== undefined) text = `(__read(${JSON.stringify(read)}), ${text})`;
    const [first] = here;
    if (!first) return text;
    if (first.to === '{}' && text.startsWith('{') && here.length === 1)
      return `{ if (__m(${first.id})) return; ${text.slice(1)}`;
    return `(${here.map(({ id, to }) => `__m(${id}) ? (${to}) : `).join('')}(${text}))`;
  };
  return `const __m = (id) => globalThis.__mutant(id), __read = (name) => globalThis.__constantRead(name);${render(whole)}`;
}
