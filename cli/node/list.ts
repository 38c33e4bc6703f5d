import { NODE } from '../../crds/kinds.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { get } from '../commands/get.ts';
import type { GetFlags } from '../commands/get-flags.ts';
import { EXIT, usageError } from '../errors.ts';
import { ageOf } from '../output/age.ts';
import { alignColumns } from '../output/columns.ts';
import { parseFormat } from '../output/format.ts';
import { driverWords, statusWords, taintWord, usageWord } from './node-facts.ts';

export const LIST_OPTIONS = {
  output: { alias: 'o', type: 'string', describe: 'list: table, wide, json, yaml, name or jsonpath={…}' },
  selector: { alias: 'l', type: 'string', describe: 'list: label selector: a=b,c!=d,e in (f,g)' },
  headers: { type: 'boolean', default: true, describe: 'list: column headers (--no-headers: none)' },
} as const;

const HEADER = ['NAME', 'STATUS', 'DRIVERS', 'WORKSPACES', 'CPU', 'MEMORY', 'DISK', 'VERSION', 'AGE'];
const WIDE = ['ADDRESS', 'ENGINE', 'OS', 'ARCH', 'TAINTS'];

/** `nexus node list`: CPU, MEMORY and DISK are what is set aside of what may be. Other forms are those of `get nodes`. */
export async function listNodes(args: string[], flags: GetFlags, context: CommandContext): Promise<number> {
  if (args.length > 0) throw usageError('node list takes no names', `nexus node describe ${args[0]}`);
  const format = parseFormat(flags.output);
  if (format.kind !== 'table') return get.run({ ...flags, resource: NODE.plural, names: [] }, context);
  const client = await context.client();
  const { selector: labelSelector, headers } = flags;
  const { items } = await client.list(NODE, { labelSelector, signal: context.signal });
  if (items.length === 0) {
    context.note('No resources found');
    return EXIT.done;
  }
  const now = context.clock.now();
  const rows = items.map(node => [...row(node, now), ...(format.wide ? wideRow(node) : [])]);
  const header = format.wide ? [...HEADER, ...WIDE] : HEADER;
  for (const line of alignColumns(headers ? [header, ...rows] : rows)) context.print(line);
  return EXIT.done;
}

function row(node: Node, now: number): string[] {
  const { metadata, status } = node;
  return [
    metadata.name,
    statusWords(node),
    driverWords(node),
    String(status?.allocated?.workspaces ?? 0),
    usageWord('cpu', status),
    usageWord('memory', status),
    usageWord('disk', status),
    status?.versions?.agent ?? '<none>',
    metadata.creationTimestamp ? ageOf(metadata.creationTimestamp, now) : '<none>',
  ];
}

function wideRow({ spec, status }: Node): string[] {
  return [
    spec?.address ?? status?.address ?? '<none>',
    (status?.drivers ?? []).flatMap(({ version }) => version ?? []).join(', ') || '<none>',
    status?.versions?.os ?? '<none>',
    status?.versions?.arch ?? '<none>',
    (spec?.taints ?? []).map(taintWord).join(',') || '<none>',
  ];
}
