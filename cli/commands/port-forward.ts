import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../controller/kit/errors.ts';
import type { Command, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { createForwarding } from '../forward/keep-forwarding.ts';
import { openLink } from '../forward/link.ts';
import { type Listening, listen } from '../forward/listen.ts';
import { parseAddresses, parseForward } from '../forward/parse.ts';
import { type SshTarget, sshTarget } from '../ssh/target.ts';
import { addressOf, type Via, viaOption } from '../ssh/way.ts';

interface ForwardFlags extends Flags {
  name: string;
  ports: string[];
  address: string;
  via: Via;
}

export const portForward: Command = {
  usage: 'port-forward <name> <ports..>',
  describe: 'Make ports of a workspace reachable here; comes back by itself when the connection breaks',
  examples: [
    ['nexus port-forward shop web', "the service's port at the same port here"],
    ['nexus port-forward shop 8080:3000 :5432', 'port 3000 at 8080 here, and 5432 at any that is free'],
  ],
  build: yargs =>
    viaOption(yargs)
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .positional('ports', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: '[LOCAL:]PORT or [LOCAL:]SERVICE; an empty LOCAL is any free port',
      })
      .option('address', {
        type: 'string',
        default: '127.0.0.1',
        describe: 'Addresses to listen on here, a comma between them',
      }),

  async run(raw, context) {
    const flags = raw as ForwardFlags;
    const addresses = parseAddresses(flags.address);
    const listening: Listening[] = [];
    // Sockets are in it, whose paths must be short.
    const folder = await mkdtemp(join(tmpdir().length < 60 ? tmpdir() : '/tmp', 'nexus-'));
    try {
      /** Used once, for the first link. */
      let found: SshTarget | undefined = await sshTarget(flags.name, context, flags);
      const forwards = (target: SshTarget) =>
        flags.ports.map(text => parseForward(text, target.workspace.spec));
      const forwarding = createForwarding({
        context,
        isFinal: error => isApiError(error, 'NotFound', 'Forbidden', 'Unauthorized'),
        // Asked for each time: after a restart or a move of the workspace its address may be another one.
        async open({ isFresh }) {
          const target = found ?? (await sshTarget(flags.name, context, { ...flags, isFresh }));
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
      for (const [i, { local }] of now.entries())
        listening.push(
          await listen(addresses, local, socket => forwarding.take(socket, now[i]?.remote ?? 0)),
        );
      await forwarding.run(() => {
        for (const [i, { port, addresses: held }] of listening.entries())
          for (const host of held)
            context.print(`${addressOf({ host, port })} → ${flags.name}:${now[i]?.remote}`);
      });
    } catch (error) {
      if (!context.signal.aborted) throw error;
    } finally {
      for (const { close } of listening) close();
      await rm(folder, { recursive: true, force: true });
    }
    return EXIT.done;
  },
};
