import type { ContainerCreateOptions } from 'dockerode';
import type { InstanceSpec } from '../../driver.ts';
import { NODE_HOST } from './context.ts';
import type { EngineFacts } from './engine-facts.ts';
import { hostLimits } from './to-instance.ts';

/**
 * What sshd, sudo and package managers need, and no more. SYS_CHROOT: sshd jails its unauthenticated half. Not here, though
 * engines give them by default: NET_RAW (spoofing on the bridge), MKNOD.
 * `no-new-privileges` cannot be set: it would take sudo, a set-uid program, away from the user.
 */
const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/**
 * The container of an instance. Whatever the image says of entry point, user, health check, stop signal and working folder
 * is overruled; its environment (PATH) and the anonymous volumes of its VOLUME lines stay.
 */
export function containerOptions(
  spec: InstanceSpec,
  network: string,
  kind: EngineFacts['kind'],
): ContainerCreateOptions {
  const [program, ...args] = spec.command;
  return {
    Image: spec.imageId,
    Hostname: spec.hostname,
    Labels: spec.labels,
    Entrypoint: program === undefined ? undefined : [program],
    Cmd: args,
    User: '0',
    WorkingDir: '/',
    Env: Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
    Tty: false,
    OpenStdin: false,
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['NONE'] },
    ExposedPorts: Object.fromEntries(spec.publish.map(({ containerPort }) => [`${containerPort}/tcp`, {}])),
    HostConfig: {
      ...hostLimits(spec.limits),
      Init: true,
      NetworkMode: network,
      ...(kind === 'docker' && { ExtraHosts: [`${NODE_HOST}:host-gateway`] }),
      Mounts: [{ Type: 'volume', Source: spec.volume.name, Target: spec.volume.mountPath }],
      PortBindings: portBindings(spec.publish),
      Tmpfs: Object.fromEntries(
        Object.entries(spec.tmpfs).map(([path, { sizeBytes, mode }]) => [
          path,
          `rw,nosuid,nodev,noexec,size=${sizeBytes},mode=${mode.toString(8).padStart(4, '0')}`,
        ]),
      ),
      CapDrop: ['ALL'],
      CapAdd: CAPABILITIES,
      // Back after a restart of the engine or the machine, without the agent; not after a stop that was asked for.
      RestartPolicy: { Name: 'unless-stopped' },
      LogConfig: {
        Type: 'json-file',
        Config: kind === 'podman' ? { 'max-size': '10m' } : { 'max-size': '10m', 'max-file': '2' },
      },
    },
  } as ContainerCreateOptions;
}

function portBindings(publish: InstanceSpec['publish']): Record<string, object[]> {
  const bindings: Record<string, object[]> = {};
  for (const { containerPort, hostPort, hostAddress } of publish) {
    const key = `${containerPort}/tcp`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostAddress, HostPort: String(hostPort) }];
  }
  return bindings;
}
