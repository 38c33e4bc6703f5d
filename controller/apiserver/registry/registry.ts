import { jsonEqual } from '../../kit/json.ts';
import { CUSTOM_STRATEGY } from '../strategies/strategy.ts';
import { type CustomResourceDefinition, isEstablished } from './crd.ts';
import { resourcesOfCrd, type ServedResource } from './served-resource.ts';
import { compareVersions } from './version-order.ts';

/** Group, its versions in order of preference, and what each serves. */
export interface ServedGroup {
  readonly group: string;
  readonly versions: readonly { readonly version: string; readonly resources: readonly ServedResource[] }[];
}

/** What is served at this moment: the built-in kinds and those of established CRDs. Reads are cheap. */
export class Registry {
  readonly #builtin: readonly ServedResource[];
  readonly #crds = new Map<string, { crd: CustomResourceDefinition; resources: ServedResource[] }>();
  #index = new Map<string, ServedResource>();
  #groups: ServedGroup[] = [];
  #revision = 0;

  constructor(builtin: readonly ServedResource[]) {
    this.#builtin = builtin;
    this.#rebuild();
  }

  /** Moves with every change: what is derived from the registry is kept until it does. */
  get revision(): number {
    return this.#revision;
  }

  find(group: string, version: string, plural: string): ServedResource | undefined {
    return this.#index.get(`${group}/${version}/${plural}`);
  }

  /** Core first, then by name. */
  get groups(): readonly ServedGroup[] {
    return this.#groups;
  }

  get crds(): Iterable<CustomResourceDefinition> {
    return [...this.#crds.values()].map(({ crd }) => crd);
  }

  /** Takes a CRD as it is in the store. Returns whether anything that is served has changed. */
  setCrd(crd: CustomResourceDefinition): boolean {
    const known = this.#crds.get(crd.metadata.name);
    if (known && sameDefinition(known.crd, crd)) {
      this.#crds.set(crd.metadata.name, { crd, resources: known.resources });
      return false;
    }
    const resources = isEstablished(crd) ? resourcesOfCrd(crd, CUSTOM_STRATEGY) : [];
    this.#crds.set(crd.metadata.name, { crd, resources });
    this.#rebuild();
    return true;
  }

  removeCrd(name: string): void {
    if (this.#crds.delete(name)) this.#rebuild();
  }

  #rebuild(): void {
    const all = [...this.#builtin, ...[...this.#crds.values()].flatMap(({ resources }) => resources)];
    this.#index = new Map(
      all.map(served => [
        `${served.resource.group}/${served.resource.version}/${served.resource.plural}`,
        served,
      ]),
    );
    const byGroup = Map.groupBy(all, served => served.resource.group);
    this.#groups = [...byGroup]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([group, served]) => ({
        group,
        versions: [...Map.groupBy(served, one => one.resource.version)]
          .sort(([a], [b]) => compareVersions(a, b))
          .map(([version, resources]) => ({
            version,
            resources: resources.sort((a, b) => (a.resource.plural < b.resource.plural ? -1 : 1)),
          })),
      }));
    this.#revision++;
  }
}

function sameDefinition(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    a.metadata.generation === b.metadata.generation &&
    a.metadata.uid === b.metadata.uid &&
    a.metadata.deletionTimestamp === b.metadata.deletionTimestamp &&
    isEstablished(a) === isEstablished(b) &&
    jsonEqual(a.status?.acceptedNames, b.status?.acceptedNames)
  );
}
