import { EVENT_V1, type Resource } from '../../../crds/kinds.ts';
import type { Client } from '../../client/client.ts';
import { isApiError } from '../../kit/errors.ts';
import { groupPath } from '../../kit/paths.ts';

interface ApiResourceList {
  resources?: { name: string; kind: string; namespaced: boolean; verbs: string[] }[];
}

interface ApiGroupList {
  groups?: { name: string; preferredVersion?: { version: string }; versions: { version: string }[] }[];
}

/** Verbs that something must have to be collected. */
const NEEDED = ['list', 'watch', 'delete'];

/** `plural.group`: what a kind is called here, whatever its version. */
export function kindId(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group ? `${resource.plural}.${resource.group}` : resource.plural;
}

/**
 * Every kind that the server can list, watch and delete, each in its preferred version. `isComplete` is false when a
 * group did not answer: then what is missing may well be there.
 */
export async function discoverKinds(
  client: Client,
  signal: AbortSignal,
): Promise<{ kinds: Resource[]; isComplete: boolean }> {
  const get = async <T>(path: string) => JSON.parse((await client.raw('GET', path, { signal })).text) as T;
  const groups = (await get<ApiGroupList>('/apis')).groups ?? [];
  const versions = [
    { group: '', version: 'v1' },
    ...groups.flatMap(({ name, preferredVersion, versions: served }) => {
      const version = preferredVersion?.version ?? served[0]?.version;
      return version ? [{ group: name, version }] : [];
    }),
  ];
  let isComplete = true;
  const lists = await Promise.all(
    versions.map(async at => {
      try {
        const { resources = [] } = await get<ApiResourceList>(groupPath(at));
        return resources
          .filter(({ name, verbs }) => !name.includes('/') && NEEDED.every(verb => verbs.includes(verb)))
          .map(({ name, kind, namespaced }): Resource => ({ ...at, kind, plural: name, namespaced }));
      } catch (error) {
        // A group that is just being removed.
        if (!isApiError(error, 'NotFound')) isComplete = false;
        return [];
      }
    }),
  );
  // Events come by under the core group.
  const kinds = lists.flat().filter(kind => kindId(kind) !== kindId(EVENT_V1));
  return { kinds, isComplete };
}
