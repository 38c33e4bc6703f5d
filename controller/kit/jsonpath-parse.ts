/** One step from a value to others. */
export type Step =
  | { kind: 'field'; name: string }
  | { kind: 'every' }
  /** The value and everything below it. */
  | { kind: 'deep' }
  | { kind: 'index'; at: number }
  | { kind: 'slice'; from?: number; to?: number; by: number }
  /** What each of the paths leads to. */
  | { kind: 'union'; paths: Step[][] }
  | { kind: 'filter'; left: Operand; operator?: Operator; right?: Operand };

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=';
export type Operand = { path: Step[] } | { literal: string | number | boolean | null };

/** A part of a template. */
export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'path'; steps: Step[] }
  | { kind: 'range'; steps: Step[]; body: Node[] };

/** The expression is not understood, or cannot be applied to the value. */
export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

const FIELD_END = new Set([
  ' ',
  '\t',
  '\n',
  '\r',
  '.',
  ',',
  '[',
  ']',
  '(',
  ')',
  '$',
  '@',
  '{',
  '}',
  '|',
  '!',
  '?',
]);
const QUOTED = /^(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/s;
/** Deeper nesting is a mistake or an attack. */
const MAX_LENGTH = 10_000;

/** Parses a template: text with `{expressions}`. Throws JsonPathError. */
export function parseTemplate(template: string): Node[] {
  if (template.length > MAX_LENGTH)
    throw new JsonPathError(`a JSONPath of more than ${MAX_LENGTH} characters`);
  const root: Node[] = [];
  const open: Node[][] = [root];
  const put = (node: Node) => open.at(-1)?.push(node);
  let rest = template;
  while (rest !== '') {
    const brace = rest.indexOf('{');
    if (brace !== 0) {
      put({ kind: 'text', text: brace < 0 ? rest : rest.slice(0, brace) });
      if (brace < 0) break;
    }
    const end = actionEnd(rest, brace + 1);
    if (end < 0) throw new JsonPathError(`${rest.slice(brace)}: the closing } is missing`);
    parseAction(rest.slice(brace + 1, end), open, put);
    rest = rest.slice(end + 1);
  }
  if (open.length > 1) throw new JsonPathError('{range} without {end}');
  return root;
}

/** Where the } is that is not within quotes. */
function actionEnd(text: string, from: number): number {
  let quote = '';
  for (let i = from; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '\\') i++;
    else if (quote) quote = c === quote ? '' : quote;
    else if (c === '"' || c === "'") quote = c;
    else if (c === '}') return i;
  }
  return -1;
}

/** What stands between braces: paths and quoted text, or range, or end. */
function parseAction(source: string, open: Node[][], put: (node: Node) => void): void {
  let rest = source.trim();
  if (rest === 'end') {
    if (open.length === 1) throw new JsonPathError('{end} without {range}');
    open.pop();
    return;
  }
  const range = /^range\s+(.+)$/s.exec(rest);
  if (range) {
    const node = { kind: 'range' as const, steps: parsePath(range[1] as string), body: [] };
    put(node);
    open.push(node.body);
    return;
  }
  if (rest === '') put({ kind: 'path', steps: [] });
  while (rest !== '') {
    const quoted = QUOTED.exec(rest);
    if (quoted) {
      put({ kind: 'text', text: unquote(quoted) });
      rest = rest.slice(quoted[0].length).trimStart();
    } else {
      const { steps, rest: left } = readPath(rest, source);
      if (left === rest) throw new JsonPathError(`{${source}}: ${rest} is not understood`);
      put({ kind: 'path', steps });
      rest = left.trimStart();
    }
  }
}

/** Parses one path, without braces. Throws JsonPathError. */
export function parsePath(source: string): Step[] {
  const { steps, rest } = readPath(source.trim(), source);
  if (rest !== '') throw new JsonPathError(`${source}: ${rest} is not understood`);
  return steps;
}

/** Reads steps as far as they go; the first field may lack its dot. */
function readPath(text: string, source: string): { steps: Step[]; rest: string } {
  const steps: Step[] = [];
  let rest = text.replace(/^[$@]/, '');
  let first = rest === text;
  for (;;) {
    if (rest.startsWith('..')) {
      steps.push({ kind: 'deep' });
      rest = rest[2] === '[' ? rest.slice(2) : rest.slice(1);
    } else if (rest.startsWith('[')) {
      const end = bracketEnd(rest, source);
      steps.push(parseBrackets(rest.slice(1, end).trim(), source));
      rest = rest.slice(end + 1);
    } else if (rest.startsWith('.*')) {
      steps.push({ kind: 'every' });
      rest = rest.slice(2);
    } else if (rest.startsWith('.[')) rest = rest.slice(1);
    else {
      const dotted = rest.startsWith('.');
      if (!dotted && !first) break;
      const { name, length } = readField(dotted ? rest.slice(1) : rest);
      rest = rest.slice(length + (dotted ? 1 : 0));
      if (name !== '') steps.push({ kind: 'field', name });
      // `{.}` is the object itself and `{..}` all there is; elsewhere a dot with nothing after it is a mistake.
      else if (dotted && !first && steps.at(-1)?.kind !== 'deep')
        throw new JsonPathError(`${source}: a name is missing after the dot`);
      else if (!dotted) break;
    }
    first = false;
  }
  return { steps, rest };
}

function readField(text: string): { name: string; length: number } {
  let name = '';
  let i = 0;
  for (; i < text.length; i++) {
    const c = text[i] as string;
    if (c === '\\' && i + 1 < text.length) name += text[++i];
    else if (FIELD_END.has(c) || '=<>"\''.includes(c)) break;
    else name += c;
  }
  return { name, length: i };
}

function bracketEnd(text: string, source: string): number {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const quoted = QUOTED.exec(text.slice(i));
    if (quoted) i += quoted[0].length - 1;
    else if (text[i] === '[') depth++;
    else if (text[i] === ']' && --depth === 0) return i;
  }
  throw new JsonPathError(`${source}: the closing ] is missing`);
}

function parseBrackets(inner: string, source: string): Step {
  if (inner === '*') return { kind: 'every' };
  const filter = /^\?\s*\((.*)\)$/s.exec(inner);
  if (filter) return parseFilter((filter[1] as string).trim(), source);
  const slice = /^(-?\d+)?:(-?\d+)?(?::(\d+))?$/.exec(inner);
  if (slice) {
    const [, from, to, by] = slice;
    if (by !== undefined && Number(by) < 1) throw new JsonPathError(`${source}: the step must be positive`);
    return {
      kind: 'slice',
      by: by === undefined ? 1 : Number(by),
      ...(from !== undefined && { from: Number(from) }),
      ...(to !== undefined && { to: Number(to) }),
    };
  }
  const paths = splitUnion(inner, source).map(part => parseKey(part, source));
  const [only] = paths;
  return paths.length === 1 && only?.length === 1 ? (only[0] as Step) : { kind: 'union', paths };
}

function splitUnion(inner: string, source: string): string[] {
  const parts: string[] = [];
  let rest = inner;
  for (;;) {
    const match = /^\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+)\s*(,|$)/s.exec(rest);
    if (!match) throw new JsonPathError(`${source}: [${inner}] is not understood`);
    parts.push(match[1] as string);
    rest = rest.slice(match[0].length);
    if (match[2] === '') return parts;
  }
}

/** `0`, or a quoted path: as in kubectl, dots in it separate unless they are escaped. */
function parseKey(part: string, source: string): Step[] {
  if (/^-?\d+$/.test(part)) return [{ kind: 'index', at: Number(part) }];
  const inner = part.slice(1, -1);
  const steps = parsePath(inner.startsWith('.') ? inner : `.${inner}`);
  if (steps.length === 0) throw new JsonPathError(`${source}: ${part} names nothing`);
  return steps;
}

function parseFilter(expression: string, source: string): Step {
  const fail = (why: string) => new JsonPathError(`${source}: the filter ${expression}: ${why}`);
  const left = readOperand(expression, source);
  const match = /^\s*(==|!=|<=|>=|<|>)\s*/.exec(left.rest);
  if (!match) {
    if (left.rest.trim() !== '')
      throw fail(`${left.rest.trim()} is not understood; use ==, !=, <, <=, > or >=`);
    return { kind: 'filter', left: left.operand };
  }
  const right = readOperand(left.rest.slice(match[0].length), source);
  if (right.rest.trim() !== '') throw fail(`${right.rest.trim()} is not understood`);
  return { kind: 'filter', left: left.operand, operator: match[1] as Operator, right: right.operand };
}

function readOperand(text: string, source: string): { operand: Operand; rest: string } {
  const quoted = QUOTED.exec(text);
  if (quoted) return { operand: { literal: unquote(quoted) }, rest: text.slice(quoted[0].length) };
  const literal = /^(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null)(?![\w.])/.exec(text);
  if (literal)
    return {
      operand: { literal: JSON.parse(literal[1] as string) },
      rest: text.slice(literal[0].length),
    };
  const { steps, rest } = readPath(text, source);
  if (rest === text) throw new JsonPathError(`${source}: ${text || 'nothing'} where a value is expected`);
  return { operand: { path: steps }, rest };
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };

/** `\n`, `\t` and `\"` as in Go's strings; `\u00e9` too. */
function unquote(match: RegExpExecArray): string {
  return (match[1] ?? match[2] ?? '').replace(/\\(?:u([0-9a-fA-F]{4})|(.))/gs, (_, hex, c) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : (ESCAPES[c] ?? c),
  );
}
