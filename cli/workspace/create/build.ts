import { toByteQuantity, toCpuQuantity } from '../../../controller/repo-config/amounts.ts';
import type { Provider, RepoConfig } from '../../../controller/repo-config/repo-config.ts';
import { toWorkspaceSpec } from '../../../controller/repo-config/to-workspace-spec.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';
import { usageError } from '../../errors.ts';
import type { CreateFlags } from './flags.ts';
import { setPaths } from './set-path.ts';

/** What the flags ask for, checked before anything else is done. */
export interface Asked {
  name?: string;
  provider?: Provider;
  image?: string;
  resources: { cpu?: string; memory?: string };
  env: Record<string, string>;
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const MAX_NAME = 63;

/** Throws CliError. */
export function readAsked(flags: CreateFlags, env: Record<string, string | undefined>): Asked {
  const { name, provider, image, cpu, memory } = flags;
  if (flags.followConfig && flags.from !== undefined)
    throw usageError(
      "--follow-config goes by the repository's own file, --from by another",
      'one of the two',
    );
  if (name !== undefined && !(NAME.test(name) && name.length <= MAX_NAME)) {
    const better = toName(name);
    throw usageError(
      `"${name}" cannot be a workspace's name: small letters, digits and dashes, at most ${MAX_NAME}`,
      better && `--name ${better}`,
    );
  }
  const cpuQuantity = cpu === undefined ? undefined : toCpuQuantity(cpu);
  if (cpu !== undefined && cpuQuantity === undefined)
    throw usageError(`--cpu ${cpu} is no number of cores`, '2, 0.5, 500m');
  const memoryQuantity = memory === undefined ? undefined : toByteQuantity(memory);
  if (memory !== undefined && memoryQuantity === undefined)
    throw usageError(`--memory ${memory} is no size`, '4GB, 4Gi, 4096M');
  return {
    ...(name !== undefined && { name }),
    ...(provider !== undefined && { provider: provider as Provider }),
    ...(image !== undefined && { image }),
    resources: {
      ...(cpuQuantity !== undefined && { cpu: cpuQuantity }),
      ...(memoryQuantity !== undefined && { memory: memoryQuantity }),
    },
    env: readEnv(flags.env, env),
  };
}

function readEnv(
  entries: readonly string[],
  own: Record<string, string | undefined>,
): Record<string, string> {
  return Object.fromEntries(
    entries.map(entry => {
      const [, name = '', , given] = /^([A-Za-z_]\w*)(=(.*))?$/s.exec(entry) ?? [];
      if (!name) throw usageError(`--env ${entry} is not NAME=VALUE`, '--env NODE_ENV=development');
      const value = given ?? own[name];
      if (value === undefined)
        throw usageError(`--env ${name}: there is no such variable here`, `--env ${name}=VALUE`);
      return [name, value];
    }),
  );
}

/** A text as a name of a workspace; empty when nothing of it can be one. */
export function toName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME)
    .replaceAll(/^-+|-+$/g, '');
}

/** `--name`, else what the configuration says, else the repository's own. Throws CliError. */
export function chooseName(asked: Asked, config: RepoConfig, repository: string): string {
  const name = asked.name ?? config.name ?? toName(repository);
  if (!name) throw usageError(`"${repository}" cannot be made a workspace's name`, '--name NAME');
  return name;
}

/** The spec, from the configuration, what was asked for over it, and `--set` over all. Throws CliError. */
export function buildSpec(
  config: RepoConfig,
  asked: Asked,
  repo: NonNullable<WorkspaceSpec['repo']>,
  settings: readonly string[],
): WorkspaceSpec {
  const { provider, image, resources, env } = asked;
  const spec = toWorkspaceSpec(config, {
    repo,
    ...(provider && { provider }),
    ...(image !== undefined && { image }),
    resources,
    env,
  });
  return setPaths(spec, settings);
}
