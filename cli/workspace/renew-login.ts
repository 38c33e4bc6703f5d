import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';

/** Brings a workspace's login at its repository up to date; what keeps it from that is told, and keeps from nothing else. */
export async function renewLogin(workspace: Workspace, context: CommandContext): Promise<void> {
  if (!workspace.spec.repo?.credentialsSecretRef) return;
  // Loaded for those alone that have one.
  const { refreshGitSecret } = await import('./git-secret.ts');
  const problem = await refreshGitSecret(await context.client(), workspace, context);
  if (problem) context.note(`note: ${problem}`);
}
