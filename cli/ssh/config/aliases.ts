import { GATEWAY_ALIAS } from '../gateway.ts';
import { contextSlug } from '../places.ts';
import { hostAlias, type PublishedHost } from '../published.ts';
import type { KnownHost, ServerHosts } from './hosts.ts';

/** The alias of a server's jump host. */
export const gatewayAlias = (context: string): string => `${GATEWAY_ALIAS}-${contextSlug(context)}`;

/** A workspace and the names by which ssh knows it. */
export interface Named {
  hosts: ServerHosts;
  workspace: KnownHost;
  aliases: string[];
}

/**
 * Gives every workspace its names: `<name>.<namespace>`, and `<name>` alone in its server's preferred namespace. A name
 * that two workspaces would have is nobody's, and neither is one that the person has given to a host of their own
 * (`taken`); who is left without one is `<name>.<namespace>.<context>`. Names never change their meaning with what else
 * there is: they only go.
 */
export function nameWorkspaces(servers: ServerHosts[], taken: ReadonlySet<string>): Named[] {
  const wanted = servers.flatMap(hosts =>
    hosts.workspaces.map(workspace => ({ hosts, workspace, aliases: wishes(hosts, workspace) })),
  );
  const claims = new Map<string, number>();
  for (const { aliases } of wanted)
    for (const alias of aliases) claims.set(alias, (claims.get(alias) ?? 0) + 1);
  for (const { context } of servers) claims.set(gatewayAlias(context), 2);
  return wanted.map(({ hosts, workspace, aliases }) => {
    const free = aliases.filter(alias => claims.get(alias) === 1 && !taken.has(alias));
    const longest = around(hosts, `${hostAlias(workspace)}.${contextSlug(hosts.context)}`);
    return { hosts, workspace, aliases: free.length > 0 ? free : [longest] };
  });
}

function wishes(hosts: ServerHosts, workspace: PublishedHost): string[] {
  const long = around(hosts, hostAlias(workspace));
  return workspace.namespace === hosts.namespace ? [around(hosts, workspace.name), long] : [long];
}

const around = ({ prefix, suffix }: ServerHosts, name: string) => `${prefix}${name}${suffix}`;
