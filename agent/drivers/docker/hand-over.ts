import type { Duplex } from 'node:stream';
import type { DockerContext } from './context.ts';

/**
 * Puts `input` where a container that is about to start finds it on stdin: in memory of the engine alone. `end` closes
 * it after the start. Undefined when that fails; the start goes on without.
 */
export async function handOver(
  { docker, log }: DockerContext,
  id: string,
  input: string,
): Promise<{ end(): void } | undefined> {
  try {
    const socket = (await docker
      .getContainer(id)
      .attach({ stream: true, stdin: true, stdout: false, stderr: false, hijack: true })) as Duplex;
    socket.on('error', error => log.debug({ container: id, err: error }, 'the input of a start broke off'));
    socket.resume();
    socket.write(input);
    // The engine keeps its side until the container ends; what was written is still read.
    return { end: () => socket.end(() => socket.destroy()) };
  } catch (error) {
    log.debug({ container: id, err: error }, 'the engine takes no input for a start');
    return undefined;
  }
}
