import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LineCounter, parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../crds/object.ts';
import { CliError, EXIT, usageError } from '../errors.ts';

/** A server takes at most 3 MiB an object; a file of many may be larger. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const MAX_OBJECT_BYTES = 3 * 1024 * 1024;
const EXTENSIONS = ['.yaml', '.yml', '.json'];
const MAX_ALIASES = 100;

export interface Manifest {
  object: KubeObject;
  /** `file.yaml:12`, for messages. */
  source: string;
}

/**
 * Every object of the files and folders named (`-` is standard input), in the order given; folders in name order, not
 * below unless `recursive`. Lists are taken apart. Throws CliError that names file, line and column.
 */
export async function readManifests(
  paths: string[],
  stdin: Readable,
  options: { recursive?: boolean } = {},
): Promise<Manifest[]> {
  if (paths.length === 0) throw usageError('nothing to read', 'name a file or folder: -f workspace.yaml');
  const manifests: Manifest[] = [];
  for (const path of paths) {
    if (path === '-') manifests.push(...parseManifests(await readStream(stdin), 'stdin'));
    else
      for (const file of filesOf(path, options.recursive ?? false))
        manifests.push(...parseManifests(readBounded(file), file));
  }
  if (manifests.length === 0)
    throw usageError(`no objects in ${paths.join(', ')}`, 'a manifest has apiVersion, kind and metadata');
  return manifests;
}

function filesOf(path: string, recursive: boolean, explicit = true): string[] {
  let stats: ReturnType<typeof statSync>;
  try {
    stats = statSync(path);
  } catch (cause) {
    throw new CliError(
      `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : (cause as Error).message}`,
      { exitCode: EXIT.usage, cause },
    );
  }
  if (!stats.isDirectory())
    return explicit || EXTENSIONS.some(extension => path.endsWith(extension)) ? [path] : [];
  return readdirSync(path, { withFileTypes: true })
    .filter(entry => !entry.isDirectory() || (recursive && !entry.name.startsWith('.')))
    .map(entry => entry.name)
    .sort()
    .flatMap(name => filesOf(join(path, name), recursive, false));
}

function readBounded(file: string): string {
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes > MAX_FILE_BYTES)
    throw usageError(
      `${file} is ${Math.ceil(bytes / 1024 / 1024)} MiB; at most ${MAX_FILE_BYTES / 1024 / 1024} MiB are read`,
    );
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new CliError(`cannot read ${file}: ${(cause as Error).message}`, { exitCode: EXIT.usage, cause });
  }
}

async function readStream(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_FILE_BYTES)
      throw usageError(`standard input is over ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
    chunks.push(Buffer.from(chunk as Buffer));
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The objects of a text of one or more YAML or JSON documents. Throws CliError at the first that is not an object of Kubernetes' shape. */
export function parseManifests(text: string, file: string): Manifest[] {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
  });
  if ('empty' in documents) return [];
  return documents.flatMap(document => {
    const bad = document.errors[0];
    if (bad) {
      const { line, col } = lines.linePos(bad.pos[0]);
      throw usageError(`${file}:${line}:${col}: ${parseMessage(bad.message)}`);
    }
    const { line } = lines.linePos(document.contents?.range?.[0] ?? document.range[0]);
    const source = `${file}:${line}`;
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (cause) {
      throw usageError(`${source}: ${(cause as Error).message}`);
    }
    return value === null || value === undefined ? [] : objectsOf(value, source);
  });
}

/** The parser goes down by calling itself. */
function parseMessage(message: string): string {
  return /call stack/i.test(message) ? 'it is nested too deeply' : message;
}

function objectsOf(value: unknown, source: string): Manifest[] {
  const fail = (why: string) =>
    usageError(
      `${source}: ${why}`,
      'a manifest has apiVersion, kind and metadata.name; of a folder every .yaml, .yml and .json is one',
    );
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw fail(`an object is expected, not ${Array.isArray(value) ? 'a list' : typeof value}`);
  const object = value as Partial<KubeObject> & { items?: unknown[] };
  if (typeof object.apiVersion !== 'string' || object.apiVersion === '') throw fail('apiVersion is missing');
  if (typeof object.kind !== 'string' || object.kind === '') throw fail('kind is missing');
  if (object.kind.endsWith('List') && Array.isArray(object.items))
    return object.items.flatMap((item, i) => objectsOf(item, `${source} item ${i + 1}`));
  const { metadata } = object as { metadata?: { name?: unknown; generateName?: unknown } };
  if (typeof metadata?.name !== 'string' && typeof metadata?.generateName !== 'string')
    throw fail(`${object.kind}: metadata.name is missing`);
  const bytes = Buffer.byteLength(JSON.stringify(object));
  if (bytes > MAX_OBJECT_BYTES)
    throw usageError(
      `${source}: ${object.kind} ${metadata.name}: ${(bytes / 1024 / 1024).toFixed(1)} MiB is more than the ${MAX_OBJECT_BYTES / 1024 / 1024} MiB that a server takes`,
    );
  return [{ object: object as KubeObject, source }];
}
