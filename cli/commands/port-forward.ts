import { Backoff } from '../../controller/kit/backoff.ts';
import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { runProgram, sshArgs } from '../ssh/run.ts';
import { sshTarget } from '../ssh/target.ts';

interface Forward {
  local: number;
  remote: number;
}

/** Reads `3000`, `8080:3000`, `web` and `8080:web`. Throws CliError. */
export function parseForward(text: string, spec: Workspace['spec']): Forward {
  const [first = '', second] = text.split(':');
  const named = second ?? first;
  const byName = [...(spec.services ?? []), ...(spec.ports ?? [])].find(({ name }) => name === named)?.port;
  const remote = byName ?? portNumber(named);
  const local = second === undefined ? remote : portNumber(first);
  if (remote === undefined || local === undefined)
    throw usageError(`"${text}" is no port`, 'as in 3000, 8080:3000, web or 8080:web');
  return { local, remote };
}

function portNumber(text: string): number | undefined {
  const port = Number(text);
  return /^\d+$/.test(text) && port >= 1 && port <= 65535 ? port : undefined;
}

/** No shell; ends when a port is taken; says a word once everything stands. */
const FORWARD_ONLY = [
  ...['-N', '-T', '-o', 'ExitOnForwardFailure=yes', '-o', 'ConnectTimeout=10'],
  ...['-o', 'PermitLocalCommand=yes', '-o', 'LocalCommand=echo up'],
];

export const portForward: Command = {
  usage: 'port-forward <name> <ports..>',
  describe: 'Make ports of a workspace reachable here; comes back by itself when the connection breaks',
  examples: [
    ['nexus port-forward shop web', "the service's port at the same port here"],
    ['nexus port-forward shop 8080:3000', 'port 3000 at 8080 here'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .positional('ports', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: '[LOCAL:]PORT or [LOCAL:]SERVICE',
      })
      .option('address', { type: 'string', default: '127.0.0.1', describe: 'Address to listen on here' }),
  async run(raw, context) {
    const flags = raw as Flags & { name: string; ports: string[]; address: string };
    const backoff = new Backoff({ baseMs: 500, maxMs: 10_000 });
    const address = flags.address.includes(':') ? `[${flags.address}]` : flags.address;
    let everStood = false;
    while (!context.signal.aborted) {
      let stands = false;
      try {
        // Asked for each time: after a restart of the workspace its address may be another one.
        const target = await sshTarget(flags.name, context);
        const forwards = flags.ports.map(port => parseForward(port, target.workspace.spec));
        const onOutput = () => {
          if (!stands)
            for (const { local, remote } of forwards)
              context.print(`${address}:${local} → ${flags.name}:${remote}`);
          stands = true;
          everStood = true;
          backoff.reset();
        };
        const args = forwards.flatMap(({ local, remote }) => [
          '-L',
          `${address}:${local}:127.0.0.1:${remote}`,
        ]);
        const code = await runProgram('ssh', sshArgs(target, [...FORWARD_ONLY, ...args]), context, {
          onOutput,
        });
        if (context.signal.aborted) break;
        // What never stood fails for a reason that stays: a taken port, a refused key.
        if (!everStood)
          throw new CliError(`the forward could not be set up (ssh exited with ${code})`, {
            next: 'the line above says why; for a port that is taken here: LOCAL:PORT',
          });
      } catch (error) {
        if (!everStood) throw error;
        context.verbose((error as Error).message);
      }
      if (stands) context.note('connection lost; connecting again …');
      await context.clock.sleep(backoff.next(), context.signal).catch(() => {});
    }
    return EXIT.done;
  },
};
