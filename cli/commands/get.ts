import type { Client } from '../../controller/client/client.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { collectionPath, objectPath, type QueryParams, queryString } from '../../controller/kit/paths.ts';
import type { KubeList, KubeObject } from '../../crds/object.ts';
import type { Command, CommandContext } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { formatObject, parseFormat } from '../output/format.ts';
import { safeLines } from '../output/style.ts';
import { renderTable, TABLE_ACCEPT, type Table } from '../output/table.ts';
import { type Selection, selections } from '../selections.ts';
import { GET_OPTIONS, type GetFlags } from './get-flags.ts';
import type { GetRequest } from './get-request.ts';

/** Objects of a page of a list. */
const PAGE = 500;

export const get: Command = {
  usage: 'get <resource> [names..]',
  describe: 'Show objects: workspaces, nodes, placements, secrets, events …',
  examples: [
    ['nexus get ws', 'the workspaces of the namespace'],
    ['nexus get ws -A -o wide', 'those of all namespaces, with image and commit'],
    ['nexus get ws/shop -o jsonpath={.status.ssh.port}', 'one field'],
    ['nexus get ws -w', 'follow changes'],
  ],
  build: yargs =>
    yargs
      .positional('resource', {
        type: 'string',
        demandOption: true,
        describe: 'Kind, kinds (a,b) or KIND/NAME',
      })
      .positional('names', { type: 'string', array: true, default: [], describe: 'Names' })
      .options(GET_OPTIONS),

  async run(raw, context) {
    const flags = raw as GetFlags;
    const format = parseFormat(flags.output);
    const wanted = await selections([flags.resource, ...flags.names], context);
    if (wanted.some(({ name }) => name) && (flags.selector || flags.fieldSelector || flags.allNamespaces))
      throw usageError('names cannot be combined with -l, --field-selector or -A');
    const client = await context.client();
    const namespace = flags.allNamespaces ? undefined : await context.namespace();
    const request = { wanted, format, flags, namespace, client };
    if (flags.watch || flags.watchOnly) {
      const { watchObjects } = await import('../watch-objects.ts');
      return watchObjects(request, context);
    }
    return format.kind === 'table' ? tables(request, format.wide, context) : objects(request, context);
  },
};

interface Asked {
  flags: GetFlags;
  namespace: string | undefined;
  /** Further query parameters. */
  query?: QueryParams;
}

function path({ resource, name }: Selection, { flags, namespace, query }: Asked): string {
  if (name !== undefined)
    return (
      objectPath(resource, { name, ...(resource.namespaced && { namespace }) }) + queryString(query ?? {})
    );
  const { selector, fieldSelector } = flags;
  return (
    collectionPath(resource, resource.namespaced ? namespace : undefined) +
    queryString({ labelSelector: selector, fieldSelector, limit: PAGE, ...query })
  );
}

/** Every page of a list, or the one object. */
async function pages<T extends { metadata: { continue?: string } }>(
  client: Client,
  first: string,
  accept: string,
  signal: AbortSignal,
): Promise<T[]> {
  const answers: T[] = [];
  let next: string | undefined;
  do {
    const at = next === undefined ? first : `${first}&continue=${encodeURIComponent(next)}`;
    const answer = JSON.parse((await client.raw('GET', at, { headers: { accept }, signal })).text) as T;
    answers.push(answer);
    next = answer.metadata?.continue;
  } while (next);
  return answers;
}

/** What was asked for and is not there is told; the rest is shown all the same. */
function missing(error: unknown, one: Selection, flags: GetFlags, context: CommandContext): number {
  if (!isApiError(error, 'NotFound') || one.name === undefined) throw error;
  if (flags.ignoreNotFound) return EXIT.done;
  context.note(`error: ${error.message}`);
  return EXIT.notFound;
}

async function tables(request: GetRequest, wide: boolean, context: CommandContext): Promise<number> {
  const { wanted, flags, namespace, client } = request;
  const prefixed = new Set(wanted.map(({ resource }) => resource.plural)).size > 1;
  // Rows alone are a tenth of the bytes; the objects' metadata is needed for two columns only.
  const includeObject = flags.allNamespaces || flags.showLabels ? 'Metadata' : 'None';
  let exit: number = EXIT.done;
  let rows = 0;
  for (const group of groupByKind(wanted)) {
    const answers = await Promise.all(
      group.map(async one => {
        try {
          const at = path(one, { flags, namespace, query: { includeObject } });
          return await pages<Table>(client, at, TABLE_ACCEPT, context.signal);
        } catch (error) {
          exit = missing(error, one, flags, context) || exit;
          return [];
        }
      }),
    );
    const all = answers.flat();
    const { resource } = group[0] as Selection;
    const table: Table = { ...(all[0] as Table), rows: all.flatMap(one => one.rows ?? []) };
    if (!all[0] || table.rows?.length === 0) continue;
    if (rows > 0 && prefixed) context.print('');
    const options = {
      wide,
      withNamespace: flags.allNamespaces && resource.namespaced,
      withLabels: flags.showLabels,
      noHeaders: !flags.headers,
      ...(prefixed && { prefix: `${resource.kind.toLowerCase()}${resource.group && `.${resource.group}`}/` }),
    };
    context.print(renderTable(table, options).join('\n'));
    rows += table.rows?.length ?? 0;
  }
  if (rows === 0 && exit === EXIT.done && !wanted.some(({ name }) => name))
    context.note(
      namespace === undefined || !wanted.some(({ resource }) => resource.namespaced)
        ? 'No resources found'
        : `No resources found in ${namespace} namespace.`,
    );
  return exit;
}

function groupByKind(wanted: Selection[]): Selection[][] {
  return [...Map.groupBy(wanted, ({ resource }) => `${resource.group}/${resource.plural}`).values()];
}

async function objects(request: GetRequest, context: CommandContext): Promise<number> {
  const { wanted, format, flags, namespace, client } = request;
  let exit: number = EXIT.done;
  const items: KubeObject[] = [];
  for (const one of wanted) {
    try {
      const at = path(one, { flags, namespace });
      const answers = await pages<KubeObject & KubeList>(client, at, 'application/json', context.signal);
      if (one.name === undefined) items.push(...answers.flatMap(itemsOf));
      else items.push(answers[0] as KubeObject);
    } catch (error) {
      exit = missing(error, one, flags, context) || exit;
    }
  }
  const single = wanted.length === 1 && wanted[0]?.name !== undefined;
  const value = single
    ? items[0]
    : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items };
  if (value === undefined) return exit;
  const text = await formatObject(value, format, flags.showManagedFields);
  if (format.kind === 'jsonpath') context.io.stdout.write(context.io.stdout.isTTY ? safeLines(text) : text);
  else if (text !== '') context.print(text);
  return exit;
}

/** Items of a list carry neither kind nor apiVersion on some servers. */
function itemsOf(list: KubeList): KubeObject[] {
  return (list.items ?? []).map(item => ({
    ...item,
    apiVersion: item.apiVersion ?? list.apiVersion,
    kind: item.kind ?? list.kind.replace(/List$/, ''),
  }));
}
