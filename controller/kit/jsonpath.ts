import { stableJson } from './json.ts';
import {
  JsonPathError,
  type Node,
  type Operand,
  type Operator,
  parsePath,
  parseTemplate,
  type Step,
} from './jsonpath-parse.ts';

export { JsonPathError } from './jsonpath-parse.ts';

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Text of a template in Kubernetes' JSONPath dialect, as `kubectl -o jsonpath=` writes it: `{.a.b}`, `{.a[*].b}`,
 * `{.a[?(@.type=="Ready")].status}`, `{range .items[*]}{.metadata.name}{"\n"}{end}`, `{..name}`, `{.a['b\.c']}`.
 * Several results are parted by spaces, a missing field is nothing, objects are JSON with sorted keys. A template without braces that
 * begins like a path is taken for one. Throws JsonPathError.
 */
export function renderJsonPath(template: string, value: unknown): string {
  const bare = !template.includes('{') && /^[.$@[]/.test(template.trim());
  return render(parseTemplate(bare ? `{${template}}` : template), value);
}

/**
 * Compiles one path, with or without braces, to a function that finds every value it leads to, in document order: none
 * for an index that is out of bounds. Throws JsonPathError when the path is not understood.
 */
export function compileJsonPath(path: string): (value: unknown) => unknown[] {
  const steps = parsePath(path.trim().replace(/^\{(.*)\}$/s, '$1'));
  return value => {
    try {
      return walk(steps, value);
    } catch (error) {
      if (error instanceof JsonPathError) return [];
      throw error;
    }
  };
}

function render(nodes: Node[], value: unknown): string {
  let out = '';
  for (const node of nodes) {
    if (node.kind === 'text') out += node.text;
    else if (node.kind === 'path') out += walk(node.steps, value).map(print).join(' ');
    else for (const item of walk(node.steps, value)) out += render(node.body, item);
  }
  return out;
}

const print = (value: unknown) => (typeof value === 'string' ? value : stableJson(value));

function walk(steps: Step[], value: unknown): unknown[] {
  let values = [value];
  for (const step of steps) {
    const from = values;
    // A union gives all of its first path, then all of its second.
    if (step.kind === 'union') values = step.paths.flatMap(path => from.flatMap(v => walk(path, v)));
    else values = from.flatMap(v => take(step, v));
  }
  return values;
}

function take(step: Exclude<Step, { kind: 'union' }>, value: unknown): unknown[] {
  switch (step.kind) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'every':
      return children(value);
    case 'deep':
      return [value, ...children(value).flatMap(child => take(step, child))];
    case 'index':
      return takeIndex(value, step.at);
    case 'slice':
      return takeSlice(value, step);
    case 'filter':
      return Array.isArray(value) ? value.filter(item => matches(step, item)) : [];
  }
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function takeIndex(value: unknown, at: number): unknown[] {
  if (!Array.isArray(value)) return [];
  const index = at < 0 ? value.length + at : at;
  if (index < 0 || index >= value.length)
    throw new JsonPathError(`array index out of bounds: index ${at}, length ${value.length}`);
  return [value[index]];
}

function takeSlice(value: unknown, { from, to, by }: { from?: number; to?: number; by: number }): unknown[] {
  if (!Array.isArray(value)) return [];
  return value.slice(from ?? 0, to ?? value.length).filter((_, i) => i % by === 0);
}

function matches(step: Extract<Step, { kind: 'filter' }>, item: unknown): boolean {
  const left = read(step.left, item);
  if (!step.operator || !step.right) return left.length > 0;
  const right = read(step.right, item);
  // What is missing compares with nothing, not even as unequal.
  if (left.length === 0 || right.length === 0) return false;
  return compare(left[0], step.operator, right[0]);
}

const read = (operand: Operand, item: unknown): unknown[] =>
  'path' in operand ? walk(operand.path, item) : [operand.literal];

function compare(left: unknown, operator: Operator, right: unknown): boolean {
  if (operator === '==') return left === right;
  if (operator === '!=') return left !== right;
  const comparable = typeof left === typeof right && (typeof left === 'number' || typeof left === 'string');
  if (!comparable) return false;
  const [a, b] = [left as number, right as number];
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  return operator === '>' ? a > b : a >= b;
}
