import { networkInterfaces } from 'node:os';
import type { Workspace } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { isLoopback } from './config/render.ts';
import { publishedHost } from './published.ts';
import { reachOf } from './reach.ts';

/** Whether the workspace's node is this machine: what the node has on its loopback is then on ours. */
export async function isOnThisMachine(workspace: Workspace, context: CommandContext): Promise<boolean> {
  const published = publishedHost(workspace);
  if (!published || workspace.spec.running === false) return false;
  if (!isLoopback(published.host) && !ownAddresses().has(published.host)) return false;
  return (await reachOf(published, context)).reachable;
}

const ownAddresses = () =>
  new Set(Object.values(networkInterfaces()).flatMap(list => list?.map(({ address }) => address) ?? []));
