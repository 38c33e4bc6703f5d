import type { ContainerCreateOptions } from 'dockerode';
import { DEFAULT_PIDS, LABEL_NODE } from '../../../../crds/names.ts';
import { CONFINEMENT } from '../container-options.ts';
import { type DockerContext, LABEL_HELPER } from '../context.ts';
import { hostLimits } from '../to-instance.ts';

/** Enough for every package manager. */
const MEMORY_BYTES = 2 * 2 ** 30;

/**
 * A container that runs a script in an image that is anybody's: with no more rights than a workspace has, and with limits.
 * Images bring labels of their own; it must never be listed as an instance.
 */
export async function helperOptions(
  { node, facts }: Pick<DockerContext, 'node' | 'facts'>,
  imageId: string,
  script: string,
  host: ContainerCreateOptions['HostConfig'],
): Promise<ContainerCreateOptions> {
  const { rootless } = await facts();
  return {
    Image: imageId,
    Entrypoint: ['/bin/sh'],
    Cmd: ['-c', script],
    User: '0',
    WorkingDir: '/',
    Healthcheck: { Test: ['NONE'] },
    Labels: { [LABEL_NODE]: '', [LABEL_HELPER]: node },
    HostConfig: {
      ...CONFINEMENT,
      // An engine without root is not always given what limits memory.
      ...hostLimits({ pids: DEFAULT_PIDS, ...(!rootless && { memoryBytes: MEMORY_BYTES }) }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      ...host,
    },
  } as ContainerCreateOptions;
}
