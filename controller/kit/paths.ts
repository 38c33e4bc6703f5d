import type { Resource } from '../../crds/kinds.ts';

/** Values that are undefined are left out. */
export type QueryParams = Record<string, string | number | boolean | undefined>;

/** `/api/v1` or `/apis/<group>/<version>`. */
export function groupPath(resource: Pick<Resource, 'group' | 'version'>): string {
  return resource.group ? `/apis/${resource.group}/${resource.version}` : `/api/${resource.version}`;
}

/** Where a kind is listed and created. Without a namespace: all namespaces, or cluster scope. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const scope =
    resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${groupPath(resource)}${scope}/${resource.plural}`;
}

/** Where one object is. Throws TypeError when a namespace is missing. */
export function objectPath(
  resource: Resource,
  key: { name: string; namespace?: string },
  subresource?: string,
): string {
  if (!key.name) throw new TypeError(`${resource.kind}: an object's name is required`);
  if (resource.namespaced && !key.namespace)
    throw new TypeError(`${resource.kind} ${key.name}: a namespace is required`);
  const base = `${collectionPath(resource, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource ? `${base}/${subresource}` : base;
}

/** `?a=b&c=d`, or nothing. */
export function queryString(params: QueryParams): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(params))
    if (value !== undefined) parts.push(`${name}=${encodeURIComponent(String(value))}`);
  return parts.length > 0 ? `?${parts.join('&')}` : '';
}

/** `namespace/name`, or `name` in cluster scope: an object's key as one string. */
export function formatKey(key: { name: string; namespace?: string }): string {
  return key.namespace ? `${key.namespace}/${key.name}` : key.name;
}

/** The inverse of formatKey. */
export function parseKey(text: string): { name: string; namespace?: string } {
  const slash = text.indexOf('/');
  return slash < 0 ? { name: text } : { namespace: text.slice(0, slash), name: text.slice(slash + 1) };
}

/** The key of an object. */
export function keyOf(object: { metadata: { name: string; namespace?: string } }): {
  name: string;
  namespace?: string;
} {
  const { name, namespace } = object.metadata;
  return namespace ? { namespace, name } : { name };
}
