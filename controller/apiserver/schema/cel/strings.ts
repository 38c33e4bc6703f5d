import type { Environment } from '@marcbachmann/cel-js';
import { fail, SYNC } from './fail.ts';

/** What `replace` and `format` may make at most, in characters. */
const MAX_TEXT = 1 << 20;

class StringsNamespace {}

/** CEL's string extension, as far as the library lacks it. */
export function registerStrings(env: Environment): void {
  env
    .registerFunction(
      'string.charAt(int): string',
      (text: string, index: bigint) =>
        index < 0n || index > BigInt(text.length)
          ? fail('charAt: index out of range')
          : text.charAt(Number(index)),
      SYNC,
    )
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, from: string, to: string) => replace(text, from, to, -1),
      SYNC,
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, n: bigint) => replace(text, from, to, Number(n)),
      SYNC,
    )
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''), SYNC)
    .registerFunction('string.format(list): string', format, SYNC)
    .registerType('StringsNamespace', StringsNamespace)
    .registerConstant('strings', 'StringsNamespace', new StringsNamespace())
    .registerFunction(
      'StringsNamespace.quote(string): string',
      (_: StringsNamespace, text: string) => JSON.stringify(text),
      SYNC,
    );
}

function bounded(text: string): string {
  return text.length > MAX_TEXT ? fail('the text grows beyond 1 MiB') : text;
}

function replace(text: string, from: string, to: string, limit: number): string {
  const parts = text.split(from, MAX_TEXT);
  const swaps = limit < 0 ? parts.length - 1 : Math.min(limit, parts.length - 1);
  if (text.length + swaps * to.length > MAX_TEXT) fail('the text grows beyond 1 MiB');
  return [parts.slice(0, swaps + 1).join(to), ...parts.slice(swaps + 1)].join(from);
}

function format(template: string, list: readonly unknown[] | ReadonlySet<unknown>): string {
  const values = [...list];
  let next = 0;
  const text = template.replace(
    /%(?:%|(?:\.(\d{1,2}))?([a-zA-Z]))/g,
    (whole, precision?: string, verb?: string) => {
      if (whole === '%%') return '%';
      if (next >= values.length) fail(`index ${next} out of range`);
      return formatOne(verb ?? '', values[next++], precision === undefined ? 6 : Number(precision));
    },
  );
  return bounded(text);
}

function formatOne(verb: string, value: unknown, precision: number): string {
  const number = typeof value === 'bigint' || typeof value === 'number';
  if (verb === 's') return bounded(show(value));
  if (verb === 'd' && number) return String(value);
  if (verb === 'f' && number) return Number(value).toFixed(precision);
  if (verb === 'e' && number) return Number(value).toExponential(precision);
  if (verb === 'b' && typeof value === 'bigint') return value.toString(2);
  if (verb === 'b' && typeof value === 'boolean') return value ? '1' : '0';
  if (verb === 'o' && typeof value === 'bigint') return value.toString(8);
  if (verb.toLowerCase() === 'x') {
    const hex =
      typeof value === 'bigint'
        ? value.toString(16)
        : Buffer.from(value instanceof Uint8Array ? value : String(value)).toString('hex');
    return verb === 'X' ? hex.toUpperCase() : hex;
  }
  return fail(`format: %${verb} does not take a value of that type`);
}

function show(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (Array.isArray(value) || value instanceof Set) return `[${[...value].map(show).join(', ')}]`;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}: ${show(item)}`)
      .sort()
      .join(', ')}}`;
  return String(value);
}
