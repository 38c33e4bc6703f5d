import { mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../controller/kit/errors.ts';
import type { CommandContext } from '../command.ts';
import { type SshTarget, sshTarget } from '../ssh/target.ts';
import type { Via } from '../ssh/way.ts';
import { createForwarding } from './keep-forwarding.ts';
import { openLink } from './link.ts';
import { type Listening, listen } from './listen.ts';
import { parseForward } from './parse.ts';

export interface ForwardRequest {
  /** Of the workspace. */
  name: string;
  /** As parseForward() reads them. */
  ports: string[];
  /** To listen on here. */
  addresses: string[];
  via: Via;
  /** A port that cannot be had here gives way to any that is free. Defaults to false. */
  orAnyPort?: boolean;
}

/** A forward that stands. */
export interface Standing {
  listening: Listening;
  /** Port in the workspace. */
  remote: number | undefined;
}

/**
 * Carries ports of a workspace to here until the signal is aborted, made again whenever the way breaks. `onUp` is called
 * once, when all stand. Throws CliError and ApiError when they never do.
 */
export async function forwardPorts(
  request: ForwardRequest,
  context: CommandContext,
  onUp: (standing: Standing[]) => void,
): Promise<void> {
  const { name, ports, addresses, via, orAnyPort = false } = request;
  const listening: Listening[] = [];
  // Sockets are in it, whose paths must be short.
  const folder = await mkdtemp(join(tmpdir().length < 60 ? tmpdir() : '/tmp', 'nexus-'));
  try {
    /** Used once, for the first link. */
    let found: SshTarget | undefined = await sshTarget(name, context, { via });
    const forwards = (target: SshTarget) => ports.map(text => parseForward(text, target.workspace.spec));
    const forwarding = createForwarding({
      context,
      isFinal: error => isApiError(error, 'NotFound', 'Forbidden', 'Unauthorized'),
      // Asked for each time: after a restart or a move of the workspace its address may be another one.
      async open({ isFresh }) {
        const target = found ?? (await sshTarget(name, context, { via, isFresh }));
        found = undefined;
        now = forwards(target);
        const link = await openLink(
          target,
          now.map(({ remote }) => remote),
          { folder, context },
        );
        return { link, told: target.told };
      },
    });
    /** As the workspace declares them now: a service may get another port. */
    let now = forwards(found);
    for (const [i, { local }] of now.entries()) {
      const take = (socket: Socket) => forwarding.take(socket, now[i]?.remote ?? 0);
      listening.push(
        await listen(addresses, local, take).catch(error => {
          if (!orAnyPort) throw error;
          return listen(addresses, 0, take);
        }),
      );
    }
    await forwarding.run(() => onUp(listening.map((one, i) => ({ listening: one, remote: now[i]?.remote }))));
  } catch (error) {
    if (!context.signal.aborted) throw error;
  } finally {
    for (const { close } of listening) close();
    await rm(folder, { recursive: true, force: true });
  }
}
