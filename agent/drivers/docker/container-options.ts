import type { ContainerCreateOptions } from 'dockerode';
import type { InstanceSpec } from '../../driver.ts';
import { NODE_HOST } from '../network/node-host.ts';
import type { EngineFacts } from './engine-facts.ts';
import type { NetworkFacts } from './network.ts';
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

export const CONFINEMENT = { CapDrop: ['ALL'], CapAdd: CAPABILITIES };

/** Back after its own end or a restart of the engine, without the agent; not after a stop that was asked for. */
export function restartPolicy(autoStart: boolean): { Name: 'unless-stopped' | 'no' } {
  return { Name: autoStart ? 'unless-stopped' : 'no' };
}

/**
 * The container of an instance. Whatever the image says of entry point, user, health check, stop signal and working folder
 * is overruled; its environment (PATH) and the anonymous volumes of its VOLUME lines stay.
 */
export function containerOptions(
  spec: InstanceSpec,
  network: Pick<NetworkFacts, 'name' | 'gateways'>,
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
    // For what a start hands over; closed after that.
    OpenStdin: true,
    StdinOnce: true,
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['NONE'] },
    ExposedPorts: Object.fromEntries(spec.publish.map(({ containerPort }) => [`${containerPort}/tcp`, {}])),
    HostConfig: {
      ...hostLimits(spec.limits),
      Init: true,
      NetworkMode: network.name,
      ExtraHosts: nodeHost(network, kind),
      Mounts: [
        {
          Type: 'volume',
          Source: spec.volume.name,
          Target: spec.volume.mountPath,
          // Made with the container where it is not there.
          VolumeOptions: { Labels: spec.volume.labels },
        },
      ],
      PortBindings: portBindings(spec.publish, kind),
      Tmpfs: Object.fromEntries(
        Object.entries(spec.tmpfs).map(([path, { sizeBytes, mode }]) => [
          path,
          `rw,nosuid,nodev,noexec,size=${sizeBytes},mode=${mode.toString(8).padStart(4, '0')}`,
        ]),
      ),
      ...CONFINEMENT,
      RestartPolicy: restartPolicy(spec.autoStart),
      LogConfig: {
        Type: 'json-file',
        Config: kind === 'podman' ? { 'max-size': '10m' } : { 'max-size': '10m', 'max-file': '2' },
      },
    },
  } as ContainerCreateOptions;
}

/** Docker's own word for the node, an address that is there before our network is; Podman has none in every version. */
export function nodeHost({ gateways }: Pick<NetworkFacts, 'gateways'>, kind: EngineFacts['kind']): string[] {
  const address = kind === 'docker' ? 'host-gateway' : gateways[0];
  return address ? [`${NODE_HOST}:${address}`] : [];
}

function portBindings(publish: InstanceSpec['publish'], kind: EngineFacts['kind']): Record<string, object[]> {
  const bindings: Record<string, object[]> = {};
  for (const { containerPort, hostPort, hostAddress } of publish) {
    const key = `${containerPort}/tcp`;
    // Podman takes 0.0.0.0 by its letters, as an address to which packets are sent.
    const HostIp = kind === 'podman' && hostAddress === '0.0.0.0' ? '' : hostAddress;
    bindings[key] = [...(bindings[key] ?? []), { HostIp, HostPort: String(hostPort) }];
  }
  return bindings;
}
