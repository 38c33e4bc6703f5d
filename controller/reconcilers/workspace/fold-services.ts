import type { Node, Placement, Workspace, WorkspaceStatus } from '../../../crds/types.generated.ts';

type ServiceStatus = NonNullable<WorkspaceStatus['services']>[number];

/** A name or an address, and no part of a command line or a URL. */
const HOST = /^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$/;

/** Where people reach a node; undefined until its agent has said, or where it said what is no host. */
export function nodeAddress(node: Node | undefined): string | undefined {
  const address = node?.spec?.address ?? node?.status?.address;
  return address !== undefined && HOST.test(address) ? address : undefined;
}

/** Host and port as one, IPv6 in brackets. */
export function endpointOf(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * The declared services as their node's agent sees them. A Private service's url is on the node's loopback. `isSilent`:
 * what was last seen is kept, but nobody vouches for its health.
 */
export function foldServices(
  workspace: Workspace,
  placement: Placement | undefined,
  node: Node | undefined,
  isSilent: boolean,
): ServiceStatus[] {
  const observed = new Map(placement?.status?.services?.map(service => [service.name, service]));
  const forwards = new Map(placement?.spec.forwards?.map(forward => [forward.name, forward]));
  const address = nodeAddress(node);
  return (workspace.spec.services ?? []).map(({ name, port }) => {
    const seen = observed.get(name);
    const forward = forwards.get(name);
    const host = forward?.exposure === 'Private' ? '127.0.0.1' : address;
    return {
      name,
      state: seen?.state ?? 'Pending',
      ...(seen && { health: isSilent ? ('Unknown' as const) : seen.health }),
      ...(seen?.restarts !== undefined && { restarts: seen.restarts }),
      ...(seen?.exitCode !== undefined && { exitCode: seen.exitCode }),
      ...(port !== undefined && { port }),
      ...(forward && { hostPort: forward.hostPort }),
      ...(forward && host && { url: `http://${endpointOf(host, forward.hostPort)}` }),
      ...(seen?.message && { message: seen.message }),
      ...(seen?.since && { since: seen.since }),
    };
  });
}

/** `2/3`: services that run, and are healthy where they have a health check, of those declared. */
export function countReady(
  workspace: Workspace,
  services: readonly ServiceStatus[],
  isSilent: boolean,
): string {
  const checked = new Set(workspace.spec.services?.filter(s => s.healthCheck).map(s => s.name));
  const ready = services.filter(({ name, state, health }) => {
    if (isSilent || state !== 'Running') return false;
    return checked.has(name) ? health === 'Healthy' : health !== 'Unhealthy';
  });
  return `${ready.length}/${services.length}`;
}

/** Every forward of the placement with what the node says of it. */
export function foldPorts(placement: Placement | undefined): WorkspaceStatus['ports'] {
  const observed = new Map(placement?.status?.forwards?.map(forward => [forward.name, forward]));
  return placement?.spec.forwards?.map(({ name, port, hostPort, exposure }) => {
    const seen = observed.get(name);
    const speaksOfThis = seen?.hostPort === hostPort && seen.port === port;
    return {
      name,
      port,
      hostPort,
      exposure,
      ...(speaksOfThis && seen.state && { state: seen.state }),
      ...(speaksOfThis && seen.message && { message: seen.message }),
    };
  });
}
