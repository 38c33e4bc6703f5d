import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { ApiError } from '../../kit/errors.ts';
import { decodeProtobuf, PROTOBUF } from '../protobuf/decode.ts';
import { badRequest } from '../refusals.ts';
import { scanJson } from './scan-json.ts';
import { scanYaml } from './scan-yaml.ts';

export interface DecodedBody {
  readonly value: unknown;
  /** Messages of fields given twice; the last one counts. */
  readonly duplicates: readonly string[];
}

export interface BodyLimits {
  /** Levels of nesting. */
  readonly maxDepth: number;
  /** Aliases that a YAML body may expand to. */
  readonly maxYamlAliases: number;
}

/**
 * Reads a JSON, YAML or protobuf body. `mediaType` is lower-case without parameters. Throws BadRequest when it does not parse,
 * UnsupportedMediaType for anything that is not in `accepted`, RequestEntityTooLarge for YAML that would take too long.
 */
export function decodeBody(
  body: Buffer,
  mediaType: string,
  limits: BodyLimits,
  accepted: ReadonlySet<string> = OBJECT_TYPES,
): DecodedBody {
  const type = mediaType || 'application/json';
  if (!accepted.has(type)) throw unsupportedMediaType(accepted);
  if (type === PROTOBUF) return { value: decodeProtobuf(body), duplicates: [] };
  const text = body.toString('utf8');
  return type.endsWith('yaml') ? decodeYaml(text, limits) : decodeJson(text, limits);
}

/** Larger YAML may hold no aliases, so that what they expand to stays bounded. */
const ALIASES_BELOW_BYTES = 256 * 1024;

export const OBJECT_TYPES: ReadonlySet<string> = new Set(['application/json', 'application/yaml']);
/** Built-in kinds may come as protobuf too: kubectl sends it without trying anything else. */
export const BUILTIN_TYPES: ReadonlySet<string> = new Set([...OBJECT_TYPES, PROTOBUF]);

export function unsupportedMediaType(accepted: ReadonlySet<string>): ApiError {
  return new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${[...accepted].join(', ')}`,
  );
}

/** `application/json` of `application/json; charset=utf-8`. */
export function mediaTypeOf(header: string | undefined): string {
  if (!header || header === 'application/json') return header ?? '';
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

function decodeJson(text: string, limits: BodyLimits): DecodedBody {
  const { duplicates } = scanJson(text, limits.maxDepth);
  try {
    return { value: JSON.parse(text), duplicates: duplicates.map(path => `duplicate field "${path}"`) };
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(cause as Error).message}`);
  }
}

function decodeYaml(text: string, limits: BodyLimits): DecodedBody {
  // JSON is YAML; its own parser is faster and has no aliases.
  if (/^\s*\{/.test(text)) {
    try {
      return decodeJson(text, limits);
    } catch (error) {
      if (!(error as Error).message.includes('json parse error')) throw error;
    }
  }
  scanYaml(text, limits.maxDepth);
  try {
    const lines = new LineCounter();
    const document = parseDocument(text, {
      merge: false,
      stringKeys: true,
      version: '1.2',
      logLevel: 'silent',
      // Its own check compares every key with every other.
      uniqueKeys: false,
      lineCounter: lines,
    });
    if (document.errors[0]) throw badRequest(`yaml: ${document.errors[0].message.split('\n')[0]}`);
    const maxAliasCount = text.length > ALIASES_BELOW_BYTES ? 0 : limits.maxYamlAliases;
    const value: unknown = document.toJS({ maxAliasCount });
    // Aliases become shared references; a round trip makes each its own, and drops what JSON cannot say.
    const json = JSON.stringify(value) ?? 'null';
    scanJson(json, limits.maxDepth);
    return { value: JSON.parse(json), duplicates: duplicateKeys(document, lines) };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const why = error instanceof RangeError ? 'it nests too deep' : (error as Error).message;
    throw badRequest(`the YAML body was refused: ${why}`);
  }
}

const MAX_DUPLICATES = 100;

function duplicateKeys(document: Document, lines: LineCounter): string[] {
  const found: string[] = [];
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value) && found.length < MAX_DUPLICATES) {
          const { line } = lines.linePos(key.range?.[0] ?? 0);
          found.push(`yaml: line ${line}: key ${JSON.stringify(key.value)} already set in map`);
        }
        seen.add(key.value);
      }
    },
  });
  return found;
}
