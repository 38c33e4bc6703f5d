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
 * Applies a workspace that is not there yet. One that is there as asked is success (`isNew` is false), whoever its commits
 * are by; another one of that name is left alone. Throws CliError.
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
    client.apply(WORKSPACE, before ? withAuthorOf(before, workspace) : workspace, {
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
  if (dryRun) tellAuthor(before, workspace, context);
  return { object: before, isNew: false };
}

/** Who commits are by was found out, not asked for, and is not carried into a clone that is there. */
function withAuthorOf({ spec: { repo: there } }: Workspace, asked: Workspace): Workspace {
  const { repo, ...spec } = asked.spec;
  if (!repo) return asked;
  const { author: _, ...others } = repo;
  return { ...asked, spec: { ...spec, repo: { ...others, ...(there?.author && { author: there.author }) } } };
}

function tellAuthor({ metadata, spec }: Workspace, asked: Workspace, context: CommandContext): void {
  const [old, now] = [spec.repo?.author, asked.spec.repo?.author];
  if (!now || jsonEqual(old ?? {}, now)) return;
  const stay = old ? `by ${old.name} <${old.email}>` : 'as they are';
  const command = `nexus exec ${metadata.name} -- git config user.email ${now.email}`;
  context.note(`note: its commits stay ${stay}; by ${now.name} <${now.email}>: ${command} (and user.name)`);
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
