import type { Client } from '../../../controller/client/client.ts';
import { isApiError } from '../../../controller/kit/errors.ts';
import { jsonEqual } from '../../../controller/kit/json.ts';
import { WORKSPACE } from '../../../crds/kinds.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';
import { CliError, EXIT } from '../../errors.ts';

/** The owner of the fields that `create` sets: not `apply`'s, so that neither takes back what the other has set. */
export const CREATE_MANAGER = 'nexus-create';

/**
 * Applies a workspace that is not there yet. One that is there as asked is success (`isNew` is false); another one of that
 * name is left alone. Throws CliError.
 */
export async function applyOnce(
  client: Client,
  workspace: Workspace,
  context: CommandContext,
  dryRun = false,
): Promise<{ object: Workspace; isNew: boolean }> {
  const { signal } = context;
  const before = await client.get(WORKSPACE, workspace.metadata, signal).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
  if (before?.metadata.deletionTimestamp) throw beingDeleted(before);
  const apply = (onlyAsk: boolean) =>
    client.apply(WORKSPACE, workspace, {
      fieldManager: CREATE_MANAGER,
      fieldValidation: 'Strict',
      dryRun: onlyAsk,
      signal,
      onWarning: text => context.note(`warning: ${text}`),
    });
  if (!before) return { object: await apply(dryRun), isNew: true };
  const after = await apply(true).catch(error => {
    if (isApiError(error, 'Conflict')) return undefined;
    throw error;
  });
  if (!after || !jsonEqual(before.spec, after.spec)) throw taken(before, workspace);
  return { object: before, isNew: false };
}

function taken(there: Workspace, asked: Workspace): CliError {
  const { name } = there.metadata;
  const isSame = there.spec.repo?.url === asked.spec.repo?.url;
  const what = isSame
    ? `there is a workspace ${name} of that repository already, and it is not as asked`
    : `there is a workspace ${name} already, of ${there.spec.repo?.url ?? 'no repository'}`;
  return new CliError(`${what}; it was left as it is`, {
    exitCode: EXIT.conflict,
    next: `another one: --name NAME; change it: nexus edit ws ${name}; begin anew: nexus workspace delete ${name}`,
  });
}

function beingDeleted({ metadata: { name } }: Workspace): CliError {
  return new CliError(`the workspace ${name} is just being deleted`, {
    exitCode: EXIT.conflict,
    next: `nexus wait ws/${name} --for delete, then type the same again; or take another --name`,
  });
}
