import { GATEWAY_ALIAS } from '../gateway.ts';
import { contextSlug } from '../places.ts';
import { hostAlias, type PublishedHost } from '../published.ts';
import type { KnownHost, ServerHosts } from './hosts.ts';
import { isDomain } from './strange-hosts.ts';

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
 * that two workspaces would have is nobody's, and neither is one that is another host's as far as the person's ssh knows
 * (`taken`), or looks like one of the internet; who is left without one is `<name>.<namespace>.<context>`. Names never
 * change their meaning with what else there is: they only go.
 */
export function nameWorkspaces(servers: ServerHosts[], taken: { has(alias: string): boolean }): Named[] {
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
  const short = workspace.namespace === hosts.namespace ? [around(hosts, workspace.name)] : [];
  const isStrange = hosts.suffix === '' && isDomain(workspace.namespace);
  return isStrange ? short : [...short, around(hosts, hostAlias(workspace))];
}

const around = ({ prefix, suffix }: ServerHosts, name: string) => `${prefix}${name}${suffix}`;
