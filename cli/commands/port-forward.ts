import type { Command, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { forwardPorts } from '../forward/forward-ports.ts';
import { parseAddresses } from '../forward/parse.ts';
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
    const request = { ...flags, addresses: parseAddresses(flags.address) };
    await forwardPorts(request, context, standing => {
      for (const { listening, remote } of standing)
        for (const host of listening.addresses)
          context.print(`${addressOf({ host, port: listening.port })} → ${flags.name}:${remote}`);
    });
    return EXIT.done;
  },
};
