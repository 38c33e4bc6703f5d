import { sha256 } from '../../kit/hash.ts';
import { REVIEWS } from '../auth/reviews.ts';
import type { Registry, ServedGroup } from '../registry/registry.ts';
import type { ServedResource } from '../registry/served-resource.ts';
import { compareVersions } from '../registry/version-order.ts';
import { SCALE_KIND } from '../verbs/scale.ts';
import { TOKEN_REQUEST } from '../verbs/token-request.ts';
import type { DiscoveredResource } from './discovered-resource.ts';

interface DiscoveredGroup {
  readonly group: string;
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly DiscoveredResource[];
  }[];
}

/** A document and the hash of its text, which is its ETag. */
export interface Document {
  readonly json: string;
  readonly hash: string;
}

const STATUS_VERBS = ['get', 'patch', 'update'];

/** What the API tells about itself, in the plain and the aggregated form. Made again only when the registry changes. */
export class Discovery {
  readonly #registry: Registry;
  readonly #serverAddress: string;
  #revision = -1;
  #documents = new Map<string, Document>();

  constructor(registry: Registry, serverAddress = '') {
    this.#registry = registry;
    this.#serverAddress = serverAddress;
  }

  /** The document at a path of discovery, `/api`, `/apis` or below; undefined when there is none. */
  get(path: string, aggregated: boolean): Document | undefined {
    if (this.#revision !== this.#registry.revision) {
      this.#documents = this.#build();
      this.#revision = this.#registry.revision;
    }
    const key = path.endsWith('/') ? path.slice(0, -1) : path;
    return this.#documents.get(aggregated ? `${key} aggregated` : key);
  }

  #build(): Map<string, Document> {
    const groups = discoverGroups(this.#registry.groups);
    const core = groups.filter(({ group }) => group === '');
    const named = groups.filter(({ group }) => group !== '');
    const documents = new Map<string, Document>();
    const add = (path: string, value: object) => {
      const json = JSON.stringify(value);
      documents.set(path, { json, hash: sha256(json).toUpperCase() });
    };
    add('/api', {
      kind: 'APIVersions',
      versions: core.flatMap(({ versions }) => versions.map(({ version }) => version)),
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#serverAddress }],
    });
    add('/apis', { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(plainGroup) });
    add('/api aggregated', aggregatedList(core));
    add('/apis aggregated', aggregatedList(named));
    for (const group of groups) {
      const root = group.group ? `/apis/${group.group}` : '/api';
      if (group.group) add(root, { kind: 'APIGroup', apiVersion: 'v1', ...plainGroup(group) });
      for (const { version, resources } of group.versions)
        add(`${root}/${version}`, {
          kind: 'APIResourceList',
          apiVersion: 'v1',
          groupVersion: group.group ? `${group.group}/${version}` : version,
          resources: resources.flatMap(plainResources),
        });
    }
    return documents;
  }
}

/** What is stored, and the reviews, by group and version. */
function discoverGroups(served: readonly ServedGroup[]): DiscoveredGroup[] {
  const all = [
    ...served.flatMap(({ versions }) => versions.flatMap(({ resources }) => resources.map(discovered))),
    ...REVIEWS,
  ];
  return [...Map.groupBy(all, resource => resource.group)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, resources]) => ({
      group,
      versions: [...Map.groupBy(resources, ({ version }) => version)]
        .sort(([a], [b]) => compareVersions(a, b))
        .map(([version, list]) => ({ version, resources: list })),
    }));
}

/** Member by member: a copy of the rest would compile every schema. */
function discovered(served: ServedResource): DiscoveredResource {
  const { resource, hasStatus } = served;
  const subresources = [
    ...(served.strategy.hasApproval ? [{ name: 'approval', kind: resource.kind, verbs: STATUS_VERBS }] : []),
    ...(resource.kind === 'Namespace' && resource.group === ''
      ? [{ name: 'finalize', kind: resource.kind, verbs: ['update'] }]
      : []),
    ...(resource.kind === 'ServiceAccount' && resource.group === ''
      ? [{ name: 'token', ...TOKEN_REQUEST, verbs: ['create'] }]
      : []),
    ...(served.scale ? [{ name: 'scale', ...SCALE_KIND, verbs: STATUS_VERBS }] : []),
    ...(hasStatus ? [{ name: 'status', kind: resource.kind, verbs: STATUS_VERBS }] : []),
  ];
  const { singular, shortNames, categories, verbs } = served;
  const { group, version, kind, plural, namespaced } = resource;
  return { group, version, kind, plural, namespaced, singular, shortNames, categories, verbs, subresources };
}

const groupVersion = (group: string, version: string) => (group ? `${group}/${version}` : version);

function plainGroup({ group, versions }: DiscoveredGroup) {
  const list = versions.map(({ version }) => ({ groupVersion: groupVersion(group, version), version }));
  return { name: group, versions: list, preferredVersion: list[0] };
}

function plainResources(resource: DiscoveredResource): object[] {
  const { plural: name, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  return [
    {
      name,
      singularName: singular,
      namespaced,
      kind,
      verbs,
      ...(shortNames.length > 0 && { shortNames }),
      ...(categories.length > 0 && { categories }),
      ...(verbs.includes('list') && {
        storageVersionHash: storageHash(resource),
      }),
    },
    ...resource.subresources.map(sub => ({
      name: `${name}/${sub.name}`,
      singularName: '',
      namespaced,
      ...(sub.group && { group: sub.group, version: sub.version }),
      kind: sub.kind,
      verbs: sub.verbs,
    })),
  ];
}

/** The same for every version of a kind: they are stored in one. */
const storageHash = ({ group, kind }: DiscoveredResource) =>
  Buffer.from(sha256(`${group}/${kind}`), 'hex')
    .subarray(0, 8)
    .toString('base64');

function aggregatedList(groups: readonly DiscoveredGroup[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ group, versions }) => ({
      metadata: { ...(group && { name: group }), creationTimestamp: null },
      versions: versions.map(({ version, resources }) => ({
        version,
        freshness: 'Current',
        resources: resources.map(aggregatedResource),
      })),
    })),
  };
}

function aggregatedResource(resource: DiscoveredResource): object {
  const { group, version, kind, shortNames, categories, subresources } = resource;
  return {
    resource: resource.plural,
    responseKind: { group, version, kind },
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map(sub => ({
        subresource: sub.name,
        responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
        verbs: sub.verbs,
      })),
    }),
  };
}
