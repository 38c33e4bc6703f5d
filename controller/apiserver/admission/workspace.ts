import { WORKSPACE, type WorkspaceService } from '../../../crds/kinds.ts';
import { nodeNamespace } from '../../../crds/names.ts';
import type { Workspace } from '../../../crds/types.generated.ts';
import type { Cause } from '../../kit/errors.ts';
import { findCycle } from '../../kit/find-cycle.ts';
import { parseBytes } from '../../kit/quantity.ts';
import { invalid, required } from '../schema/causes.ts';
import type { AdmissionPlugin } from './admission.ts';

const SSH_PORT = 22;
const MIN_MEMORY_BYTES = 32 * 2 ** 20;
const NODE_NAMESPACE = nodeNamespace('');

/** What a person gets wrong in a Workspace and a schema cannot say: cycles, port 22, checks without a port. */
export const workspaceAdmission: AdmissionPlugin = {
  name: 'Workspace',
  admit({ operation, served, subresource, namespace, object, old }) {
    const { resource } = served;
    if (resource.group !== WORKSPACE.group || resource.kind !== WORKSPACE.kind || operation === 'DELETE')
      return undefined;
    if (subresource !== '' || !object) return undefined;
    const { spec } = object as Workspace;
    // What is stored already is not refused again: a workspace must stay deletable whatever rules come later.
    if (old && JSON.stringify((old as Workspace).spec) === JSON.stringify(spec)) return undefined;
    const services = spec.services ?? [];
    return [
      ...(namespace.startsWith(NODE_NAMESPACE)
        ? [invalid('metadata.namespace', namespace, 'belongs to a node; declare workspaces elsewhere')]
        : []),
      ...cycleCauses(services),
      ...portCauses(spec),
      ...healthCheckCauses(services),
      ...memoryCauses(spec),
    ];
  },
};

function cycleCauses(services: readonly WorkspaceService[]): Cause[] {
  const cycle = findCycle(new Map(services.map(service => [service.name, service.dependsOn ?? []])));
  if (!cycle) return [];
  const index = services.findIndex(service => service.name === cycle[0]);
  const why = `dependsOn goes round in a circle: ${cycle.join(' -> ')}; remove one of these dependencies`;
  return [invalid(`spec.services[${index}].dependsOn`, services[index]?.dependsOn, why)];
}

function portCauses({ services = [], ports = [] }: Workspace['spec']): Cause[] {
  const why = "is the workspace's own SSH server; choose another port";
  const of = (list: string, items: readonly { port?: number }[]) =>
    items.flatMap(({ port }, i) =>
      port === SSH_PORT ? [invalid(`spec.${list}[${i}].port`, port, why)] : [],
    );
  return [...of('services', services), ...of('ports', ports)];
}

function healthCheckCauses(services: readonly WorkspaceService[]): Cause[] {
  return services.flatMap(({ healthCheck, port }, i) => {
    const kind = healthCheck?.http ? 'http' : healthCheck?.tcp ? 'tcp' : undefined;
    if (!kind || port !== undefined || healthCheck?.[kind]?.port !== undefined) return [];
    const why = 'the service declares no port that the check could use; set either';
    return [required(`spec.services[${i}].healthCheck.${kind}.port`, why)];
  });
}

function memoryCauses({ resources }: Workspace['spec']): Cause[] {
  const { memory } = resources ?? {};
  if (memory === undefined || (parseBytes(memory) ?? MIN_MEMORY_BYTES) >= MIN_MEMORY_BYTES) return [];
  return [invalid('spec.resources.memory', memory, 'must be at least 32Mi')];
}
