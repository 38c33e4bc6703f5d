import type { WorkspaceEnv, WorkspaceService } from '../../crds/kinds.ts';
import type { WorkspaceSpec } from '../../crds/types.generated.ts';
import { PROVIDERS, type Provider, type RepoConfig, type RepoService } from './repo-config.ts';

/** What whoever makes the workspace says over the configuration. */
export interface SpecOverrides {
  repo?: WorkspaceSpec['repo'];
  provider?: Provider;
  image?: string;
  resources?: WorkspaceSpec['resources'];
  env?: Readonly<Record<string, string>>;
}

/** The Workspace that a repository's configuration describes. Pure: the same input is the same spec, to the byte. */
export function toWorkspaceSpec(config: RepoConfig, overrides: SpecOverrides = {}): WorkspaceSpec {
  const provider = overrides.provider ?? config.provider;
  // Without a choice the node's driver decides; what is said of the preferred one holds.
  const limits =
    config.providers[provider ?? PROVIDERS.find(name => config.providers[name]) ?? 'docker'] ?? {};
  const image = overrides.image ?? limits.image;
  const { cpu, memory, disk } = limits;
  const resources = {
    ...(cpu && { cpu }),
    ...(memory && { memory }),
    ...(disk && { disk }),
    ...overrides.resources,
  };
  const env = toEnv({ ...config.env, ...overrides.env });
  const { lifecycle } = config;
  return {
    ...(overrides.repo && { repo: overrides.repo }),
    ...(image !== undefined && { image }),
    ...(provider && { driver: provider }),
    ...(Object.keys(resources).length > 0 && { resources }),
    ...(env.length > 0 && { env }),
    ...(config.services.length > 0 && { services: config.services.map(toService) }),
    ...(Object.keys(lifecycle).length > 0 && { lifecycle }),
  };
}

function toService({ name, command, port, dependsOn, env, healthCheck }: RepoService): WorkspaceService {
  return {
    name,
    command,
    ...(port !== undefined && { port }),
    ...(dependsOn.length > 0 && { dependsOn }),
    ...(Object.keys(env).length > 0 && { env: toEnv(env) }),
    ...(healthCheck && { healthCheck }),
  };
}

const toEnv = (env: Readonly<Record<string, string>>): WorkspaceEnv[] =>
  Object.entries(env).map(([name, value]) => ({ name, value }));
