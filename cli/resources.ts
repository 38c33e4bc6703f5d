import type { Client } from '../controller/client/client.ts';
import {
  apiVersionOf,
  CONFIG_MAP,
  CRD,
  EVENT,
  LEASE,
  NAMESPACE,
  NODE,
  PLACEMENT,
  type Resource,
  SECRET,
  WORKSPACE,
} from '../crds/kinds.ts';
import { usageError } from './errors.ts';

/** Kinds whose names need no question to the server. */
const KNOWN: [Resource, string[]][] = [
  [WORKSPACE, ['workspace', 'workspaces', 'ws']],
  [PLACEMENT, ['placement', 'placements', 'pl']],
  [NODE, ['node', 'nodes', 'nn']],
  [NAMESPACE, ['namespace', 'namespaces', 'ns']],
  [SECRET, ['secret', 'secrets']],
  [CONFIG_MAP, ['configmap', 'configmaps', 'cm']],
  [EVENT, ['event', 'events', 'ev']],
  [LEASE, ['lease', 'leases']],
  [CRD, ['customresourcedefinition', 'customresourcedefinitions', 'crd', 'crds']],
];

const byName = new Map(KNOWN.flatMap(([resource, names]) => names.map(name => [name, resource] as const)));

interface DiscoveryList {
  items: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources: {
        resource: string;
        singularResource: string;
        shortNames?: string[];
        scope: string;
        responseKind: { kind: string };
      }[];
    }[];
  }[];
}

const DISCOVERY = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Every kind the server serves, from aggregated discovery, with the names it goes by. */
export async function discover(
  client: Client,
  signal?: AbortSignal,
): Promise<{ resource: Resource; names: string[] }[]> {
  const answers = await Promise.all(
    ['/api', '/apis'].map(path => client.raw('GET', path, { headers: { accept: DISCOVERY }, signal })),
  );
  return answers.flatMap(({ text }) =>
    (JSON.parse(text) as DiscoveryList).items.flatMap(group =>
      group.versions.flatMap(({ version, resources }) =>
        resources.map(found => ({
          resource: {
            group: group.metadata.name ?? '',
            version,
            kind: found.responseKind.kind,
            plural: found.resource,
            namespaced: found.scope === 'Namespaced',
          },
          names: [
            found.resource,
            found.singularResource,
            found.responseKind.kind.toLowerCase(),
            ...(found.shortNames ?? []),
          ],
        })),
      ),
    ),
  );
}

/** The kind that a person means by `name`: plural, singular, kind, short name, or `plural.group`. Throws CliError. */
export async function resolveResource(
  name: string,
  client: () => Promise<Client>,
  signal?: AbortSignal,
): Promise<Resource> {
  const wanted = name.toLowerCase();
  const known = byName.get(wanted);
  if (known) return known;
  const [first = '', ...group] = wanted.split('.');
  const all = await discover(await client(), signal);
  const found = all.find(
    ({ resource, names }) =>
      names.includes(wanted) || (names.includes(first) && resource.group === group.join('.')),
  );
  if (!found)
    throw usageError(
      `the server has no kind "${name}"`,
      '`nexus get --help` lists the usual ones; `kubectl api-resources` lists all',
    );
  return found.resource;
}

/** Finds the kinds of objects, asking the server at most once. */
export function createResolver(
  client: () => Promise<Client>,
  signal?: AbortSignal,
): { ofObject(object: { apiVersion: string; kind: string }): Promise<Resource> } {
  let discovered: ReturnType<typeof discover> | undefined;
  return {
    /** The kind an object says it is. Throws CliError when the server does not serve it. */
    async ofObject(object) {
      const fits = (resource: Resource) =>
        resource.kind === object.kind && apiVersionOf(resource) === object.apiVersion;
      const known = KNOWN.find(([resource]) => fits(resource));
      if (known) return known[0];
      discovered ??= discover(await client(), signal);
      const found = (await discovered).find(({ resource }) => fits(resource));
      if (found) return found.resource;
      throw usageError(
        `the server does not know kind ${object.kind} in ${object.apiVersion}`,
        'check apiVersion and kind, or apply its CustomResourceDefinition first',
      );
    },
  };
}
