import type { Workspace } from '../../crds/types.generated.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { alignColumns } from '../output/columns.ts';
import { createPicture } from '../output/picture.ts';
import { styleOf } from '../output/style.ts';
import { isOnThisMachine } from '../ssh/here.ts';
import { findWorkspace, followWorkspace } from './find.ts';
import { type ServiceRow, serviceMark, serviceRows } from './service-rows.ts';

interface ServicesFlags extends Flags {
  name: string;
  watch: boolean;
  output?: string;
}

export const services: Command = {
  usage: 'services <name>',
  describe: 'The services of a workspace: which are up, where they answer here, and why the others are down',
  examples: [
    ['nexus workspace services shop', 'once'],
    ['nexus workspace services shop -w', 'and go on'],
  ],
  build: yargs =>
    yargs
      .positional('name', { type: 'string', demandOption: true, describe: 'Workspace' })
      .option('watch', { alias: 'w', type: 'boolean', default: false, describe: 'Go on showing changes' })
      .option('output', { alias: 'o', type: 'string', describe: 'table or json' }),
  async run(raw, context) {
    const flags = raw as ServicesFlags;
    const isJson = readOutput(flags.output);
    if (!flags.watch) {
      const workspace = await findWorkspace(flags.name, context);
      const rows = serviceRows(workspace, await isOnThisMachine(workspace, context));
      if (isJson) context.print(asJson(workspace, rows));
      else for (const line of servicesLines(workspace, rows, context)) context.print(line);
      return EXIT.done;
    }
    const picture = createPicture(context);
    const { isLive } = styleOf(context.io.stdout, context.io.env);
    let before = '';
    for await (const workspace of followWorkspace(flags.name, context)) {
      const rows = serviceRows(workspace, await isOnThisMachine(workspace, context));
      const lines = isJson
        ? [asJson(workspace, rows)]
        : isLive
          ? servicesLines(workspace, rows, context)
          : rows.map(row => changeLine(row));
      if (lines.join('\n') === before) continue;
      if (isLive && !isJson) picture.show(lines);
      else for (const line of lines) if (isJson || !before.split('\n').includes(line)) context.print(line);
      before = lines.join('\n');
    }
    return EXIT.done;
  },
};

/** Throws CliError. */
function readOutput(text: string | undefined): boolean {
  if (text === undefined || text === 'table' || text === 'json') return text === 'json';
  throw usageError(`unknown output format "${text}"`, 'one of table, json');
}

const asJson = ({ metadata }: Workspace, rows: ServiceRow[]) =>
  JSON.stringify({ workspace: metadata.name, namespace: metadata.namespace, services: rows }, null, 2);

const HEADER = ['SERVICE', 'STATUS', 'HEALTH', 'PORT', 'LOCAL URL', 'RESTARTS'];

/** A table, and below it a line for each that is down, and one for those that take a forward. */
export function servicesLines(
  workspace: Workspace,
  rows: ServiceRow[],
  { io }: Pick<CommandContext, 'io'>,
): string[] {
  const { name } = workspace.metadata;
  if (rows.length === 0)
    return [`${name} declares no services; spec.services takes them (nexus edit ws ${name})`];
  const { mark, color } = styleOf(io.stdout, io.env);
  const indent = mark('good') === '' ? '' : '  ';
  const table = alignColumns([
    [`${indent}${HEADER[0]}`, ...HEADER.slice(1)],
    ...rows.map(row => [
      `${mark(serviceMark(row, workspace))}${row.name}`,
      row.status,
      row.health ?? '-',
      row.port === undefined ? '-' : String(row.port),
      row.localUrl ?? '-',
      String(row.restarts),
    ]),
  ]);
  const down = rows.filter(({ isUp }) => !isUp);
  const private_ = rows.filter(row => row.isUp && row.port !== undefined && !row.localUrl);
  return [
    ...table,
    ...(down.length > 0 ? [''] : []),
    ...down.flatMap(row => [
      `${row.name}: ${color(31, row.why ?? row.status)}`,
      color(2, `  log: nexus logs ${name} ${row.name}   (in the workspace: ${row.logFile})`),
    ]),
    ...(private_.length > 0
      ? ['', color(2, `not reached from here as it is: nexus workspace open ${name} ${private_[0]?.name}`)]
      : []),
  ];
}

/** Where nothing can be drawn over. */
function changeLine(row: ServiceRow): string {
  const { name, status, health, port, localUrl, restarts, why } = row;
  const words = [name, status, health ?? '-', port ?? '-', localUrl ?? '-', restarts];
  return `${words.join(' ')}${why ? ` (${why})` : ''}`;
}
