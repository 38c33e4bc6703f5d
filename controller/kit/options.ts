import { parseDuration } from './duration.ts';

/** One option: where it may come from, what it is when nobody says, and what it means. */
export interface OptionSpec {
  /** `duration` is written as in `30s` or `1h`, and read as milliseconds. `list` is comma-separated or repeated. */
  type: 'string' | 'number' | 'boolean' | 'duration' | 'list';
  default?: string | number | boolean;
  /** Environment variable that sets it. */
  env?: string;
  /** Least and greatest number. */
  min?: number;
  max?: number;
  choices?: readonly string[];
  help: string;
}

export type OptionTable = Record<string, OptionSpec>;

type ValueOf<S extends OptionSpec> = S['type'] extends 'string'
  ? string
  : S['type'] extends 'number' | 'duration'
    ? number
    : S['type'] extends 'boolean'
      ? boolean
      : string[];

/** Options without a default are undefined when nobody sets them; lists are then empty. */
export type OptionValues<T extends OptionTable> = {
  [K in keyof T]: T[K] extends { default: unknown } | { type: 'list' }
    ? ValueOf<T[K]>
    : ValueOf<T[K]> | undefined;
};

export type OptionSource = 'flag' | 'environment' | 'file' | 'default';

export class OptionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OptionError';
  }
}

/**
 * Reads every option of `table` from flags, else the environment, else the file, else its default.
 * Throws OptionError that names the option and where the bad value came from.
 */
export function resolveOptions<T extends OptionTable>(
  table: T,
  from: {
    flags?: Record<string, unknown>;
    env?: Record<string, string | undefined>;
    file?: Record<string, unknown>;
  },
): { values: OptionValues<T>; sources: Record<keyof T, OptionSource> } {
  const values: Record<string, unknown> = {};
  const sources: Record<string, OptionSource> = {};
  for (const [name, spec] of Object.entries(table)) {
    const found: [OptionSource, unknown][] = [
      ['flag', from.flags?.[name]],
      ['environment', spec.env ? from.env?.[spec.env] || undefined : undefined],
      ['file', from.file?.[name]],
      ['default', spec.default],
    ];
    const [source, raw] = found.find(([, value]) => value !== undefined) ?? (['default', undefined] as const);
    sources[name] = source;
    values[name] = read(name, spec, raw, source);
  }
  return { values: values as OptionValues<T>, sources: sources as Record<keyof T, OptionSource> };
}

function read(name: string, spec: OptionSpec, raw: unknown, source: OptionSource): unknown {
  if (raw === undefined) return spec.type === 'list' ? [] : undefined;
  const fail = (why: string): never => {
    const where =
      source === 'environment'
        ? ` (from ${spec.env})`
        : source === 'file'
          ? ' (from the configuration file)'
          : '';
    throw new OptionError(`--${kebab(name)}${where}: ${why}, not ${JSON.stringify(raw)}`);
  };
  switch (spec.type) {
    case 'string': {
      const value = String(raw);
      return spec.choices && !spec.choices.includes(value)
        ? fail(`must be one of ${spec.choices.join(', ')}`)
        : value;
    }
    case 'list': {
      const items = (Array.isArray(raw) ? raw : [raw])
        .flatMap(item => String(item).split(','))
        .map(item => item.trim());
      const value = items.filter(item => item !== '');
      const odd = spec.choices && value.find(item => !spec.choices?.includes(item));
      return odd ? fail(`must be of ${spec.choices?.join(', ')}`) : value;
    }
    case 'boolean':
      if (typeof raw === 'boolean') return raw;
      if (['true', '1', 'yes', 'on'].includes(String(raw))) return true;
      return ['false', '0', 'no', 'off'].includes(String(raw)) ? false : fail('must be true or false');
    case 'duration': {
      const ms = typeof raw === 'number' ? raw : parseDuration(String(raw));
      return ms === undefined ? fail('must be a duration such as 30s, 5m or 1h') : bounded(ms, spec, fail);
    }
    case 'number': {
      const value = typeof raw === 'number' ? raw : Number(String(raw).trim() || Number.NaN);
      return Number.isFinite(value) ? bounded(value, spec, fail) : fail('must be a number');
    }
  }
}

function bounded(value: number, spec: OptionSpec, fail: (why: string) => never): number {
  if (spec.min !== undefined && value < spec.min) return fail(`must be at least ${spec.min}`);
  if (spec.max !== undefined && value > spec.max) return fail(`must be at most ${spec.max}`);
  return value;
}

/** `sshBind` → `ssh-bind`. */
export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}
