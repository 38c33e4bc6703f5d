import type { KubeObject } from '../../crds/object.ts';
import { usageError } from '../errors.ts';

/** What `-o` says. */
export type Format =
  | { kind: 'table'; wide: boolean }
  | { kind: 'json' | 'yaml' | 'name' }
  | { kind: 'jsonpath'; template: string };

/** Reads `-o`. Throws CliError. */
export function parseFormat(text: string | undefined): Format {
  if (text === undefined || text === 'table' || text === '') return { kind: 'table', wide: false };
  if (text === 'wide') return { kind: 'table', wide: true };
  if (text === 'json' || text === 'yaml' || text === 'name') return { kind: text };
  const jsonpath = /^jsonpath=(.*)$/s.exec(text);
  if (jsonpath) return { kind: 'jsonpath', template: jsonpath[1] as string };
  throw usageError(`unknown output format "${text}"`, 'one of table, wide, json, yaml, name, jsonpath={…}');
}

/** An object or list as text, without a newline at its end. Managed fields are left out unless asked for. */
export async function formatObject(
  object: KubeObject | { kind: string; items: KubeObject[] },
  format: Format,
  showManagedFields = false,
): Promise<string> {
  const shown = showManagedFields ? object : withoutManagedFields(object);
  switch (format.kind) {
    case 'json':
      // Characters that some terminals obey stay what they are to every reader of JSON.
      return JSON.stringify(sorted(shown), null, 4).replace(/[\u007f-\u009f]/g, jsonEscape);
    case 'yaml':
      // A library that is slower to load than the server is to answer.
      return (await import('./yaml.ts')).toYaml(shown).trimEnd();
    case 'jsonpath': {
      const { renderJsonPath } = await import('../../controller/kit/jsonpath.ts');
      return renderJsonPath(format.template, shown);
    }
    case 'name':
      return ('items' in shown ? shown.items : [shown]).map(nameOf).join('\n');
    case 'table':
      throw new Error('tables are rendered from what the server sends');
  }
}

const jsonEscape = (character: string): string =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** `workspace.nexus.dev/shop`, `secret/git`. */
export function nameOf(object: KubeObject): string {
  const group = object.apiVersion.includes('/') ? `.${object.apiVersion.split('/')[0]}` : '';
  return `${object.kind.toLowerCase()}${group}/${object.metadata.name}`;
}

/** With keys by name, as kubectl writes them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function withoutManagedFields<T extends KubeObject | { items: KubeObject[] }>(value: T): T {
  if ('items' in value) return { ...value, items: value.items.map(withoutManagedFields) };
  const { managedFields: _, ...metadata } = value.metadata;
  return { ...value, metadata };
}
