import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { forwardPorts } from '../forward/forward-ports.ts';
import { openUrl } from '../open-url.ts';
import { isOnThisMachine } from '../ssh/here.ts';
import { type Via, viaOption } from '../ssh/way.ts';
import { findWorkspace } from './find.ts';
import { serviceRows } from './service-rows.ts';

interface OpenFlags extends Flags {
  name: string;
  service?: string;
  print: boolean;
  via: Via;
}

export const open: Command = {
  usage: 'open <name> [service]',
  describe: 'Open a service in the browser; one that is not reached from here by a forward, until Ctrl-C',
  examples: [
    ['nexus workspace open shop web', "the service's URL"],
    ['nexus workspace open shop', 'of the first one that has a port'],
    ['nexus workspace open shop web --print', 'only tell the URL'],
  ],
  build: yargs =>
    viaOption(yargs)
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .positional('service', {
        type: 'string',
        describe: 'Service; none: the first that speaks HTTP, or has a port',
      })
      .option('print', { type: 'boolean', default: false, describe: 'Print the URL, open no browser' }),
  async run(raw, context) {
    const flags = raw as OpenFlags;
    const workspace = await findWorkspace(flags.name, context);
    const service = chooseService(workspace, flags.service);
    const row = serviceRows(workspace, await isOnThisMachine(workspace, context)).find(
      ({ name }) => name === service.name,
    );
    if (row?.localUrl) {
      await show(row.localUrl, flags, context);
      return EXIT.done;
    }
    if (row && !row.isUp) context.note(`warning: ${service.name} is ${row.status}: ${row.why}`);
    const request = {
      name: workspace.metadata.name,
      ports: [service.name],
      addresses: ['127.0.0.1'],
      via: flags.via,
      orAnyPort: true,
    };
    const onUp = ([first]: { listening: { port: number } }[]) => {
      context.note(`forwarding port ${service.port} of ${flags.name} until Ctrl-C`);
      void show(`http://127.0.0.1:${first?.listening.port}`, flags, context);
    };
    await forwardPorts(request, context, onUp);
    return EXIT.done;
  },
};

async function show(url: string, { print }: OpenFlags, context: CommandContext): Promise<void> {
  context.print(url);
  if (!print && !(await openUrl(url, context)))
    context.note('nothing here opens links; BROWSER may name a program that does');
}

type Service = NonNullable<Workspace['spec']['services']>[number];

/** Throws CliError. */
function chooseService({ spec, metadata }: Workspace, name: string | undefined): Service & { port: number } {
  const served = (spec.services ?? []).filter(
    (one): one is Service & { port: number } => one.port !== undefined,
  );
  const names = served.map(service => service.name).join(', ');
  const chosen = name
    ? served.find(service => service.name === name)
    : (served.find(({ healthCheck }) => healthCheck?.http) ?? served[0]);
  if (chosen) return chosen;
  throw new CliError(
    name
      ? `workspace ${metadata.name} has no service "${name}" with a port`
      : `no service of workspace ${metadata.name} has a port`,
    { exitCode: EXIT.notFound, next: names ? `these have: ${names}` : `nexus edit ws ${metadata.name}` },
  );
}
