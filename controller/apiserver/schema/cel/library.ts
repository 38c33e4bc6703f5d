import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { Quantity } from '../../../kit/quantity.ts';
import { compilePattern, type Matcher } from '../pattern.ts';
import { fail, SYNC } from './fail.ts';
import { registerNetwork } from './network.ts';
import { registerStrings } from './strings.ts';

type List = readonly unknown[] | ReadonlySet<unknown>;

/** The name under which `matches` runs: the library's own would backtrack. */
export const LINEAR_MATCHES = 'linearMatches';

const CACHED_PATTERNS = 256;

/** A small cache: a pattern in a rule is nearly always a literal. */
function cached<T>(make: (pattern: string) => T): (pattern: string) => T {
  const known = new Map<string, T>();
  return pattern => {
    let value = known.get(pattern);
    if (value === undefined) {
      if (known.size >= CACHED_PATTERNS) known.clear();
      value = make(pattern);
      known.set(pattern, value);
    }
    return value;
  };
}

function invalidPattern<T>(make: (pattern: string) => T): (pattern: string) => T {
  return pattern => {
    try {
      return make(pattern);
    } catch (error) {
      return fail(`invalid regular expression: ${(error as Error).message}`);
    }
  };
}

/** CEL's language and the functions that Kubernetes adds to it. */
export function createEnvironment(): Environment {
  const env = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: { maxAstNodes: 10_000, maxDepth: 100 },
  });
  registerRegex(env);
  registerLists(env);
  registerSets(env);
  registerQuantity(env);
  registerStrings(env);
  registerNetwork(env);
  return env;
}

function registerRegex(env: Environment): void {
  const matcher = cached(invalidPattern<Matcher>(compilePattern));
  const finder = cached(invalidPattern(pattern => RE2JS.compile(pattern)));
  const findAll = (text: string, pattern: string, limit: number): string[] => {
    const found: string[] = [];
    const matches = finder(pattern).matcher(text);
    while ((limit < 0 || found.length < limit) && matches.find()) found.push(matches.group() ?? '');
    return found;
  };
  env
    .registerFunction(
      `string.${LINEAR_MATCHES}(string): bool`,
      (text: string, pattern: string) => matcher(pattern)(text),
      SYNC,
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => findAll(text, pattern, 1)[0] ?? '',
      SYNC,
    )
    .registerFunction(
      'string.findAll(string): list<string>',
      (text: string, pattern: string) => findAll(text, pattern, -1),
      SYNC,
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, limit: bigint) => findAll(text, pattern, Number(limit)),
      SYNC,
    );
}

/** -1, 0 or 1; values of types that have no order are refused. */
function compare(a: unknown, b: unknown): number {
  if (a instanceof Quantity && b instanceof Quantity) return Number(a.compare(b));
  const [x, y] = [ordered(a), ordered(b)];
  if ((typeof x === 'string') !== (typeof y === 'string'))
    fail('values of different types cannot be compared');
  return x < y ? -1 : x > y ? 1 : 0;
}

function ordered(value: unknown): string | number | bigint | boolean {
  const plain = typeof value === 'object' && value !== null ? value.valueOf() : value;
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof plain)) return plain as string | number;
  return fail('the values cannot be compared');
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if ((typeof a === 'bigint' && typeof b === 'number') || (typeof a === 'number' && typeof b === 'bigint'))
    // biome-ignore lint/suspicious/noDoubleEquals: the same number as int and as double
    return a == b;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof Quantity && b instanceof Quantity) return a.nanos === b.nanos;
  if (isList(a) && isList(b)) {
    const [left, right] = [[...a], [...b]];
    return left.length === right.length && left.every((item, i) => same(item, right[i]));
  }
  if (isList(a) || isList(b)) return false;
  const [left, right] = [Object.entries(a), b as Record<string, unknown>];
  return (
    left.length === Object.keys(b).length &&
    left.every(([key, value]) => Object.hasOwn(b, key) && same(value, right[key]))
  );
}

function isList(value: unknown): value is List {
  return Array.isArray(value) || value instanceof Set;
}

function registerLists(env: Environment): void {
  const extreme = (name: string, sign: number) => (list: List) => {
    const items = [...list];
    if (items.length === 0) return fail(`${name} called on empty list`);
    return items.reduce((best, item) => (compare(item, best) * sign > 0 ? item : best));
  };
  const sum = (list: List) => {
    let total: number | bigint = 0n;
    for (const item of list) {
      const value = ordered(item);
      if (typeof value === 'bigint' && typeof total === 'bigint') total += value;
      else if (typeof value === 'number' || typeof value === 'bigint') total = Number(total) + Number(value);
      else fail('sum() needs numbers or durations');
    }
    return total;
  };
  const sorted = (list: List) => {
    const items = [...list];
    return items.every((item, i) => i === 0 || compare(items[i - 1], item) <= 0);
  };
  env
    .registerFunction('list.isSorted(): bool', sorted, SYNC)
    .registerFunction('list.sum(): dyn', sum, SYNC)
    .registerFunction('list.min(): dyn', extreme('min', -1), SYNC)
    .registerFunction('list.max(): dyn', extreme('max', 1), SYNC)
    .registerFunction(
      'list.indexOf(dyn): int',
      (list: List, item: unknown) => BigInt([...list].findIndex(other => same(item, other))),
      SYNC,
    )
    .registerFunction(
      'list.lastIndexOf(dyn): int',
      (list: List, item: unknown) => BigInt([...list].findLastIndex(other => same(item, other))),
      SYNC,
    );
}

class SetsNamespace {}

function registerSets(env: Environment): void {
  const contains = (list: List, items: List) => {
    const all = [...list];
    return [...items].every(item => all.some(other => same(item, other)));
  };
  env
    .registerType('SetsNamespace', SetsNamespace)
    .registerConstant('sets', 'SetsNamespace', new SetsNamespace())
    .registerFunction(
      'SetsNamespace.contains(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => contains(a, b),
      SYNC,
    )
    .registerFunction(
      'SetsNamespace.equivalent(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => contains(a, b) && contains(b, a),
      SYNC,
    )
    .registerFunction(
      'SetsNamespace.intersects(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => [...a].some(item => contains(b, [item])),
      SYNC,
    );
}

function registerQuantity(env: Environment): void {
  const parse = (text: string) =>
    Quantity.parse(text) ??
    fail(`quantities must match the form 500m, 2 or 4Gi; got ${JSON.stringify(text)}`);
  env
    .registerType('Quantity', Quantity)
    .registerFunction('quantity(string): Quantity', parse, SYNC)
    .registerFunction('isQuantity(string): bool', (text: string) => Quantity.parse(text) !== undefined, SYNC)
    .registerFunction('Quantity.sign(): int', (q: Quantity) => q.compare(new Quantity(0n)), SYNC)
    .registerFunction('Quantity.isInteger(): bool', (q: Quantity) => q.isInteger(), SYNC)
    .registerFunction(
      'Quantity.asInteger(): int',
      (q: Quantity) => (q.isInteger() ? q.toInteger() : fail('cannot convert value to integer')),
      SYNC,
    )
    .registerFunction('Quantity.asApproximateFloat(): double', (q: Quantity) => q.toFloat(), SYNC)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: Quantity, b: Quantity) => a.compare(b), SYNC)
    .registerFunction(
      'Quantity.isLessThan(Quantity): bool',
      (a: Quantity, b: Quantity) => a.compare(b) < 0n,
      SYNC,
    )
    .registerFunction(
      'Quantity.isGreaterThan(Quantity): bool',
      (a: Quantity, b: Quantity) => a.compare(b) > 0n,
      SYNC,
    )
    .registerFunction('Quantity.add(Quantity): Quantity', (a: Quantity, b: Quantity) => a.plus(b), SYNC)
    .registerFunction(
      'Quantity.add(int): Quantity',
      (a: Quantity, b: bigint) => a.plus(new Quantity(b * 1_000_000_000n)),
      SYNC,
    )
    .registerFunction('Quantity.sub(Quantity): Quantity', (a: Quantity, b: Quantity) => a.minus(b), SYNC)
    .registerFunction(
      'Quantity.sub(int): Quantity',
      (a: Quantity, b: bigint) => a.minus(new Quantity(b * 1_000_000_000n)),
      SYNC,
    )
    .registerOperator('Quantity == Quantity', (a: Quantity, b: Quantity) => a.nanos === b.nanos);
}
