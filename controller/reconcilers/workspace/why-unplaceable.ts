import type { Workspace } from '../../../crds/types.generated.ts';
import type { WorkspaceEnvironment } from './pass.ts';
import { resolveSecrets } from './resolve-secrets.ts';
import { validateWorkspace } from './validate-workspace.ts';

/** What keeps a workspace from being placed anew, on any node; undefined: nothing. One that could not be is not moved. */
export function whyUnplaceable(
  env: Pick<WorkspaceEnvironment, 'own' | 'defaultImage'>,
  { spec, metadata }: Workspace,
): string | undefined {
  const [fault] = validateWorkspace(spec);
  if (fault !== undefined) return `${fault}.`;
  const secrets = resolveSecrets(
    spec,
    name => env.own.secrets.get({ name, namespace: metadata.namespace }),
    env.defaultImage(spec.driver ?? 'docker'),
  );
  return 'problem' in secrets ? secrets.problem.message : undefined;
}
