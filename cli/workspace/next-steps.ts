import type { Workspace } from '../../crds/types.generated.ts';
import type { Reason } from '../../crds/vocabulary.ts';

/** What helps against what a condition says. */
const HELP: Partial<Record<Reason, (name: string, workspace: Workspace) => string>> = {
  Stopped: name => `nexus start ${name}`,
  HookFailed: (name, { spec }) =>
    `nexus logs ${name} --hook ${spec.lifecycle?.preStart ? 'preStart' : 'postStart'}`,
  CloneFailed: name => `nexus logs ${name} --clone`,
  AuthenticationFailed: name => `nexus edit ws ${name}   (spec.repo.credentialsSecretRef)`,
  RefNotFound: name => `nexus edit ws ${name}   (spec.repo.ref)`,
  ServiceExited: logsOfFirst,
  ServiceUnhealthy: logsOfFirst,
  ConfigChanged: name => `nexus workspace sync ${name}`,
  ConfigInvalid: () => 'nexus config validate',
  NoNodeFits: () => 'nexus node list',
  PortsExhausted: () => 'nexus node list',
  NodeUnreachable: (_, { status }) => `nexus node describe ${status?.nodeName}`,
  InvalidSpec: name => `nexus edit ws ${name}`,
  ContainerFailed: name => `nexus describe ws ${name}`,
  ImagePullFailed: name => `nexus edit ws ${name}   (spec.image)`,
  ImageNotFound: (name, { spec, status }) =>
    spec.image === undefined
      ? `nexus image   (on node ${status?.nodeName})`
      : `nexus edit ws ${name}   (spec.image)`,
  ImagePullDenied: name => `nexus edit ws ${name}   (spec.imagePullSecretRef)`,
  ImageUnsupported: name => `nexus edit ws ${name}   (spec.image)`,
};

/** Conditions that are not as they should be: of ConfigDrift, False is good. */
export function wrongConditions({ status }: Pick<Workspace, 'status'>) {
  return (status?.conditions ?? []).filter(
    ({ type, status: holds }) => (holds === 'True') === (type === 'ConfigDrift'),
  );
}

function logsOfFirst(name: string, { status }: Workspace): string {
  const down = status?.services?.find(({ state, health }) => state !== 'Running' || health === 'Unhealthy');
  return `nexus logs ${[name, down?.name].filter(Boolean).join(' ')}`;
}

/** Commands that are worth typing next, the first thing that is wrong first. Pure. */
export function nextSteps(workspace: Workspace, isWatching = false): string[] {
  const { metadata, status, spec } = workspace;
  const { name } = metadata;
  const wrong = wrongConditions(workspace);
  const help = wrong.flatMap(({ reason }) => HELP[reason as Reason]?.(name, workspace) ?? []);
  const watch = isWatching ? [] : [`nexus workspace status ${name} --watch`];
  if (wrong.length > 0 || !status) return [...new Set([...help, ...watch])];
  const served = spec.services?.find(({ port }) => port !== undefined);
  return [
    `nexus workspace connect ${name}`,
    ...(served ? [`nexus workspace open ${name} ${served.name}`] : []),
  ];
}
