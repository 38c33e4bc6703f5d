/** Finds every value a path leads to in a JSON value, in document order. */
export type JsonPath = (value: unknown) => unknown[];

type Step = (values: unknown[]) => unknown[];

const own = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;

/**
 * Compiles the JSONPath of a printer column or selectable field: `.a.b`, `['a']`, `[0]`, `[-1]`, `[*]`, `.*`, `..a`,
 * `[?(@.type=="Ready")]` with ==, !=, <, <=, >, >=, or a bare `@.a`. Throws Error for anything else.
 */
export function compileJsonPath(source: string): JsonPath {
  const simple = /^(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/.exec(source);
  if (simple) {
    const keys = source.slice(1).split('.');
    return value => {
      let at = value;
      for (const key of keys) at = own(at, key);
      return at === undefined ? [] : [at];
    };
  }
  const steps = parseSteps(source);
  return value => {
    let values = [value];
    for (const step of steps) values = step(values);
    return values;
  };
}

/** What a path may begin with, and the step it means. Tried in order. */
const GRAMMAR: readonly [pattern: RegExp, step: (match: RegExpExecArray) => Step][] = [
  [/^(?:\.\*|\.?\[\*\])/, () => each],
  [/^\.\.([A-Za-z_][\w-]*)/, match => descend(match[1]!)],
  [/^\.((?:[A-Za-z_]|\\.)(?:[\w/-]|\\.)*)/, match => child(match[1]!.replace(/\\(.)/g, '$1'))],
  [/^\.?\[\s*(?:'([^']*)'|"([^"]*)")\s*\]/, match => child(match[1] ?? match[2]!)],
  [/^\.?\[\s*(-?\d+)\s*\]/, match => index(Number(match[1]))],
  [/^\.?\[\s*\?\s*\(((?:[^()"']|"[^"]*"|'[^']*')*)\)\s*\]/, match => filter(match[1]!)],
];

function parseSteps(source: string): Step[] {
  let rest = source
    .trim()
    .replace(/^\{(.*)\}$/s, '$1')
    .replace(/^\$/, '');
  const steps: Step[] = [];
  while (rest !== '') {
    const before = rest;
    for (const [pattern, make] of GRAMMAR) {
      const match = pattern.exec(rest);
      if (!match) continue;
      steps.push(make(match));
      rest = rest.slice(match[0].length);
      break;
    }
    if (rest === before) throw new Error(`JSONPath ${source}: ${rest} is not understood`);
  }
  return steps;
}

const children = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : typeof value === 'object' && value !== null ? Object.values(value) : [];

const each: Step = values => values.flatMap(children);

const child =
  (key: string): Step =>
  values =>
    values.map(value => own(value, key)).filter(value => value !== undefined);

const index =
  (at: number): Step =>
  values =>
    values
      .map(value => (Array.isArray(value) ? value.at(at) : undefined))
      .filter(value => value !== undefined);

function descend(key: string): Step {
  const find = (value: unknown, out: unknown[]) => {
    const found = own(value, key);
    if (found !== undefined) out.push(found);
    for (const next of children(value)) find(next, out);
    return out;
  };
  return values => values.flatMap(value => find(value, []));
}

function filter(expression: string): Step {
  const match = /^\s*@((?:\.[\w-]+|\[[^\]]*\])*)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/s.exec(expression);
  if (!match) throw new Error(`JSONPath: the filter ${expression} is not understood`);
  const [, path = '', operator, literal] = match;
  const read = path === '' ? (value: unknown) => [value] : compileJsonPath(path);
  if (!operator) return values => values.flatMap(children).filter(value => read(value).length > 0);
  const wanted = parseLiteral(literal!);
  return values => values.flatMap(children).filter(value => compare(read(value)[0], operator, wanted));
}

function parseLiteral(text: string): unknown {
  const quoted = /^'([^']*)'$/.exec(text);
  if (quoted) return quoted[1];
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`JSONPath: ${text} is not a value`);
  }
}

function compare(found: unknown, operator: string, wanted: unknown): boolean {
  if (operator === '==') return found === wanted;
  if (operator === '!=') return found !== wanted;
  if (typeof found !== typeof wanted || (typeof found !== 'number' && typeof found !== 'string'))
    return false;
  const other = wanted as typeof found;
  if (operator === '<') return found < other;
  if (operator === '<=') return found <= other;
  return operator === '>' ? found > other : found >= other;
}
