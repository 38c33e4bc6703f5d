import type { PlacementSpec } from '../../crds/types.generated.ts';

/** `my-web` as a part of the name of a variable. */
const variablePart = (service: string) => service.toUpperCase().replaceAll('-', '_');

/**
 * What services, hooks and sessions are told of the workspace: NEXUS_WORKSPACE, and NEXUS_SERVICE_<NAME>_PORT and _URL of
 * each service that has a port. Inside, a service is at its own port of loopback. Pure.
 */
export function aboutWorkspace({ workspace, services = [] }: PlacementSpec): Record<string, string> {
  const about: Record<string, string> = { NEXUS_WORKSPACE: workspace.name };
  for (const { name, port } of services) {
    if (port === undefined) continue;
    about[`NEXUS_SERVICE_${variablePart(name)}_PORT`] = String(port);
    about[`NEXUS_SERVICE_${variablePart(name)}_URL`] = `http://localhost:${port}`;
  }
  return about;
}
