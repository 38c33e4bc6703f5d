import type { WorkspaceService } from '../../crds/kinds.ts';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import { jsonEqual } from '../kit/json.ts';
import type { RepoConfig } from './repo-config.ts';
import { toWorkspaceSpec } from './to-workspace-spec.ts';

/** Fields of a spec that a repository's configuration speaks of. The driver is chosen once, when the workspace is made. */
export const CONFIG_FIELDS = ['services', 'lifecycle', 'image', 'resources', 'env'] as const;
export type ConfigField = (typeof CONFIG_FIELDS)[number];

/** What a spec would have to become to be as its repository's configuration says. */
export interface ConfigDrift {
  /** Fields that differ. */
  fields: ConfigField[];
  /** Merge patch of the spec for each of them. */
  patch: Partial<Record<ConfigField, unknown>>;
  /** For people: `services web, api`, `image`. */
  told: string;
}

/**
 * Compares a spec with its repository's configuration, without the fields in `kept`. Services and lifecycle are as the file
 * says, to the last; image, resources and variables only where it names them. Exposure and folder of a service are the
 * user's. Pure.
 */
export function findDrift(
  spec: WorkspaceSpec,
  config: RepoConfig,
  kept: readonly string[] = [],
): ConfigDrift {
  const wanted = toWorkspaceSpec(config, {
    ...(spec.driver && isProvider(spec.driver) && { provider: spec.driver }),
  });
  const patch: ConfigDrift['patch'] = {};
  const told: string[] = [];
  const differs = (field: ConfigField, value: unknown, words: string = field) => {
    if (kept.includes(field)) return;
    patch[field] = value;
    told.push(words);
  };
  const services = (wanted.services ?? []).map(service => withOwn(service, spec.services));
  const changed = changedServices(spec.services ?? [], services);
  if (changed.length > 0)
    differs('services', services.length > 0 ? services : null, `services ${changed.join(', ')}`);
  const hooks = ['preStart', 'postStart', 'preStop'] as const;
  if (hooks.some(hook => spec.lifecycle?.[hook] !== wanted.lifecycle?.[hook]))
    differs('lifecycle', Object.fromEntries(hooks.map(hook => [hook, wanted.lifecycle?.[hook] ?? null])));
  if (wanted.image !== undefined && wanted.image !== spec.image) differs('image', wanted.image);
  const resources = Object.entries(wanted.resources ?? {}).filter(
    ([name, amount]) => spec.resources?.[name as 'cpu'] !== amount,
  );
  if (resources.length > 0) differs('resources', Object.fromEntries(resources));
  const env = (wanted.env ?? []).filter(
    ({ name, value }) => spec.env?.find(one => one.name === name)?.value !== value,
  );
  if (env.length > 0) {
    const others = (spec.env ?? []).filter(({ name }) => !env.some(one => one.name === name));
    differs('env', [...others, ...env], `env ${env.map(({ name }) => name).join(', ')}`);
  }
  return { fields: Object.keys(patch) as ConfigField[], patch, told: told.join('; ') };
}

const isProvider = (driver: string): driver is 'docker' | 'lxc' => driver === 'docker' || driver === 'lxc';

function withOwn(service: WorkspaceService, present: WorkspaceService[] = []): WorkspaceService {
  const { exposure, workingDir } = present.find(({ name }) => name === service.name) ?? {};
  return { ...service, ...(exposure && { exposure }), ...(workingDir && { workingDir }) };
}

/** Names of those that differ, are missing, or are too many. */
function changedServices(present: WorkspaceService[], wanted: WorkspaceService[]): string[] {
  const byName = (list: WorkspaceService[]) => new Map(list.map(one => [one.name, withDefaults(one)]));
  const [before, after] = [byName(present), byName(wanted)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.filter(name => !jsonEqual(before.get(name), after.get(name)));
}

/** As the API server fills them in. */
function withDefaults({ healthCheck, exposure, dependsOn, env, ...rest }: WorkspaceService): unknown {
  const { http } = healthCheck ?? {};
  return {
    ...rest,
    exposure: exposure ?? 'Private',
    dependsOn: [...(dependsOn ?? [])].sort(),
    env: [...(env ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(healthCheck && {
      healthCheck: {
        intervalSeconds: 10,
        timeoutSeconds: 5,
        failureThreshold: 3,
        initialDelaySeconds: 0,
        ...healthCheck,
        ...(http && { http: { path: '/', ...http } }),
      },
    }),
  };
}
