import type { WorkspaceService } from '../../../crds/kinds.ts';
import type { WorkspaceSpec } from '../../../crds/types.generated.ts';
import { findCycle } from '../../kit/find-cycle.ts';
import { parseBytes, parseCpuMillis } from '../../kit/quantity.ts';

const MIN_MEMORY_BYTES = 32 * 2 ** 20;
const SSH_PORT = 22;

/**
 * What is wrong with a spec beyond what the CRD's schema says: one sentence a fault, each beginning with its field;
 * empty when nothing is. Rules that the schema states in CEL are repeated, so that a server without CEL is no worse.
 */
export function validateWorkspace(spec: WorkspaceSpec): string[] {
  const services = spec.services ?? [];
  return [
    ...duplicateNames(spec),
    ...badPorts(spec),
    ...badDependencies(services),
    ...services.flatMap(checkHealthCheck),
    ...badResources(spec),
    ...badTolerations(spec),
  ];
}

function duplicateNames(spec: WorkspaceSpec): string[] {
  const seen = new Set<string>();
  const faults: string[] = [];
  for (const { name } of [...(spec.services ?? []), ...(spec.ports ?? [])]) {
    if (seen.has(name))
      faults.push(`services and ports: the name "${name}" is used twice; give each its own name`);
    seen.add(name);
  }
  return faults;
}

function badPorts(spec: WorkspaceSpec): string[] {
  const users = new Map<number, string>();
  const faults: string[] = [];
  for (const { name, port } of [...(spec.services ?? []), ...(spec.ports ?? [])]) {
    if (port === undefined) continue;
    const other = users.get(port);
    if (port === SSH_PORT)
      faults.push(`"${name}": port 22 is the workspace's own SSH server; choose another port`);
    else if (other !== undefined)
      faults.push(`"${name}": port ${port} is already declared by "${other}"; remove one of them`);
    users.set(port, other ?? name);
  }
  return faults;
}

function badDependencies(services: WorkspaceService[]): string[] {
  const graph = new Map(services.map(({ name, dependsOn }) => [name, dependsOn ?? []]));
  const faults: string[] = [];
  for (const service of services)
    for (const dependency of service.dependsOn ?? [])
      if (!graph.has(dependency))
        faults.push(
          `services "${service.name}": dependsOn names "${dependency}", which is not declared; declare it or remove it`,
        );
  const cycle = findCycle(graph);
  if (cycle)
    faults.push(`services: dependsOn goes round in a circle, ${cycle.join(' → ')}; remove one of these`);
  return faults;
}

function checkHealthCheck(service: WorkspaceService): string[] {
  const check = service.healthCheck;
  if (!check) return [];
  const kinds = [check.http, check.tcp, check.exec].filter(Boolean).length;
  if (kinds !== 1)
    return [
      `services "${service.name}": healthCheck needs exactly one of http, tcp and exec; it has ${kinds}`,
    ];
  const probe = check.http ?? check.tcp;
  if (probe && probe.port === undefined && service.port === undefined)
    return [
      `services "${service.name}": healthCheck has no port and the service declares none; set port on either`,
    ];
  return [];
}

function badResources(spec: WorkspaceSpec): string[] {
  const { cpu, memory, disk } = spec.resources ?? {};
  const faults: string[] = [];
  if (cpu !== undefined && !((parseCpuMillis(cpu) ?? 0) > 0))
    faults.push(`resources.cpu: "${cpu}" is not a number of cores; write for example "2" or "500m"`);
  const bytes = memory === undefined ? undefined : (parseBytes(memory) ?? 0);
  if (bytes !== undefined && bytes < MIN_MEMORY_BYTES)
    faults.push(`resources.memory: "${memory}" is less than 32Mi or no quantity; write for example "4Gi"`);
  if (disk !== undefined && !((parseBytes(disk) ?? 0) > 0))
    faults.push(`resources.disk: "${disk}" is not a quantity; write for example "20Gi"`);
  return faults;
}

function badTolerations(spec: WorkspaceSpec): string[] {
  return (spec.tolerations ?? []).flatMap((toleration, i) => {
    const exists = toleration.operator === 'Exists';
    if (exists && toleration.value) return [`tolerations[${i}]: operator Exists takes no value; remove it`];
    if (!exists && !toleration.key)
      return [`tolerations[${i}]: an empty key matches everything only with operator Exists; set either`];
    if (toleration.tolerationSeconds !== undefined && toleration.effect !== 'NoExecute')
      return [`tolerations[${i}]: tolerationSeconds goes with effect NoExecute only; set that, or remove it`];
    return [];
  });
}
