import {
  type DestinationStream,
  destination as fileDestination,
  type Logger as PinoLogger,
  pino,
} from 'pino';
import type { Logger } from './log.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  /** Defaults to info. */
  level?: LogLevel;
  /** One readable line instead of JSON. Defaults to false. */
  pretty?: boolean;
  /** Anything with `write(line)`. Defaults to standard error. */
  destination?: { write(line: string): void };
  /** Which part of the program speaks. */
  component?: string;
}

const SECRET_KEYS = new Set([
  'authorization',
  'cookie',
  'token',
  'access_token',
  'accesstoken',
  'password',
  'passphrase',
  'secret',
  'privatekey',
  'hostkey',
  'sshkey',
  'stringdata',
  'client-key-data',
  'clientkey',
  'credentials',
]);
const REDACTED = '[redacted]';
const MAX_DEPTH = 8;

/** What of a Secret must not be shown; annotations may hold the manifest it was made from. */
const SECRET_FIELDS = new Set(['data', 'annotations']);

/** A copy without secrets, at any depth. Errors become their name, code, message and stack, causes included. */
export function redact(value: unknown, depth = 0, inSecret = false): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map(item => redact(item, depth + 1, inSecret));
  const record = value as Record<string, unknown>;
  const secret = inSecret || record.kind === 'Secret';
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(record)) {
    const hidden = SECRET_KEYS.has(key.toLowerCase()) && item !== undefined && item !== null;
    out[key] = hidden || (secret && SECRET_FIELDS.has(key)) ? REDACTED : redact(item, depth + 1, secret);
  }
  return out;
}

function redactError(error: Error, depth: number): Record<string, unknown> {
  const { code, reason } = error as Error & { code?: unknown; reason?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(code !== undefined && { code }),
    ...(reason !== undefined && { reason: redact(reason, depth + 1) }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: redact(error.cause, depth + 1) }),
  };
}

/** Structured logs over pino: one JSON line a thing that happened, with `time`, `level`, `component` and `msg`. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const raw: DestinationStream = options.destination ?? fileDestination({ dest: 2, sync: true });
  const out = options.pretty ? { write: (line: string) => raw.write(prettyLine(line)) } : raw;
  const root = pino(
    {
      level: options.level ?? 'info',
      base: options.component ? { component: options.component } : {},
      // Errors were made plain by redact already.
      serializers: { err: (error: unknown) => error },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: label => ({ level: label }),
        log: fields => redact(fields) as Record<string, unknown>,
      },
    },
    out,
  );
  return wrap(root);
}

/** pino formats the fields of lines, not those of children: these are cleaned here. */
function wrap(inner: PinoLogger): Logger {
  return {
    debug: (fields, message) => inner.debug(fields, message),
    info: (fields, message) => inner.info(fields, message),
    warn: (fields, message) => inner.warn(fields, message),
    error: (fields, message) => inner.error(fields, message),
    child: fields => wrap(inner.child(redact(fields) as Record<string, unknown>)),
  };
}

/** `12:03:04 WARN  component: message key=value …` from a JSON line. */
export function prettyLine(line: string): string {
  const { time, level, component, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([key, value]) => {
    const error = value as { message?: unknown; stack?: unknown } | null;
    if (error && typeof error === 'object' && typeof error.stack === 'string')
      return `${key}=${JSON.stringify(error.message)}`;
    return `${key}=${typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value)}`;
  });
  const head = `${String(time).slice(11, 19)} ${String(level).toUpperCase().padEnd(5)}`;
  return `${[head, component ? `${component}:` : '', msg ?? '', ...rest].filter(part => part !== '').join(' ')}\n`;
}
