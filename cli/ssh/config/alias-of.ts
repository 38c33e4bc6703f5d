import type { Workspace } from '../../../crds/types.generated.ts';
import type { CommandContext } from '../../command.ts';
import { hostAlias } from '../published.ts';
import { readAllHosts } from './hosts.ts';
import { composeConfig } from './update.ts';

/** The name by which plain ssh knows a workspace; undefined: `nexus ssh-config` was not asked for, or does not know it yet. */
export async function sshAliasOf(
  { metadata }: Workspace,
  context: CommandContext,
): Promise<string | undefined> {
  const { context: server } = await context.connection();
  const servers = await readAllHosts(context.home);
  const wanted = hostAlias({ namespace: 'default', ...metadata });
  return composeConfig(servers, context).named.find(
    ({ hosts, workspace }) => hosts.context === server && hostAlias(workspace) === wanted,
  )?.aliases[0];
}
