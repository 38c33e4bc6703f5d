import type { Client } from '../../controller/client/client.ts';
import { isApiError } from '../../controller/kit/errors.ts';
import { collectionPath, objectPath, queryString } from '../../controller/kit/paths.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeList, KubeObject } from '../../crds/object.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { type Format, formatObject, parseFormat } from '../output/format.ts';
import { renderTable, TABLE_ACCEPT, type Table } from '../output/table.ts';
import { resolveResource } from '../resources.ts';
import { watchObjects } from '../watch-objects.ts';

export interface Selection {
  resource: Resource;
  /** Absent: all of the kind. */
  name?: string;
}

/** Reads `ws`, `ws,nodes`, `ws shop blog` and `ws/shop node/a`. Throws CliError. */
export async function selections(args: string[], context: CommandContext): Promise<Selection[]> {
  const [first, ...rest] = args;
  if (first === undefined) throw usageError('which kind?', 'nexus get workspaces');
  const resolve = (name: string) => resolveResource(name, context.client, context.signal);
  if (args.some(arg => arg.includes('/'))) {
    return Promise.all(
      args.map(async arg => {
        const [kind, name, more] = arg.split('/');
        if (!kind || !name || more !== undefined) throw usageError(`"${arg}" is not of the form KIND/NAME`);
        return { resource: await resolve(kind), name };
      }),
    );
  }
  const resources = await Promise.all(first.split(',').filter(Boolean).map(resolve));
  if (rest.length === 0) return resources.map(resource => ({ resource }));
  return resources.flatMap(resource => rest.map(name => ({ resource, name })));
}

interface GetFlags extends Flags {
  resource: string;
  names: string[];
  output?: string;
  watch: boolean;
  allNamespaces: boolean;
  selector?: string;
  fieldSelector?: string;
  headers: boolean;
  showLabels: boolean;
  ignoreNotFound: boolean;
  showManagedFields: boolean;
}

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
      .option('output', {
        alias: 'o',
        type: 'string',
        describe: 'table, wide, json, yaml, name or jsonpath={…}',
      })
      .option('watch', { alias: 'w', type: 'boolean', default: false, describe: 'Go on showing changes' })
      .option('all-namespaces', {
        alias: 'A',
        type: 'boolean',
        default: false,
        describe: 'Of all namespaces',
      })
      .option('selector', { alias: 'l', type: 'string', describe: 'Label selector: a=b,c!=d,e in (f,g)' })
      .option('field-selector', { type: 'string', describe: 'Field selector: status.phase=Running' })
      .option('headers', { type: 'boolean', default: true, describe: 'Column headers (--no-headers: none)' })
      .option('show-labels', { type: 'boolean', default: false, describe: 'A column with the labels' })
      .option('show-managed-fields', {
        type: 'boolean',
        default: false,
        describe: 'With json and yaml: managedFields too',
      })
      .option('ignore-not-found', {
        type: 'boolean',
        default: false,
        describe: 'Exit 0 when a named object is not there',
      }),

  async run(raw, context) {
    const flags = raw as GetFlags;
    const format = parseFormat(flags.output);
    const wanted = await selections([flags.resource, ...flags.names], context);
    if (wanted.some(({ name }) => name) && (flags.selector || flags.fieldSelector || flags.allNamespaces))
      throw usageError('names cannot be combined with -l, --field-selector or -A');
    const client = await context.client();
    const namespace = flags.allNamespaces ? undefined : await context.namespace();
    if (flags.watch) return watchObjects({ wanted, format, flags, namespace, client }, context);
    return format.kind === 'table'
      ? tables(wanted, format.wide, flags, namespace, client, context)
      : objects(wanted, format, flags, namespace, client, context);
  },
};

function path({ resource, name }: Selection, flags: GetFlags, namespace: string | undefined): string {
  if (name !== undefined) return objectPath(resource, { name, ...(resource.namespaced && { namespace }) });
  return (
    collectionPath(resource, resource.namespaced ? namespace : undefined) +
    queryString({ labelSelector: flags.selector, fieldSelector: flags.fieldSelector, limit: 500 })
  );
}

/** Every page of a list; `merge` is given the answers in order. */
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

async function tables(
  wanted: Selection[],
  wide: boolean,
  flags: GetFlags,
  namespace: string | undefined,
  client: Client,
  context: CommandContext,
): Promise<number> {
  const prefixed = new Set(wanted.map(({ resource }) => resource.plural)).size > 1;
  let exit: number = EXIT.done;
  let printed = false;
  let rows = 0;
  for (const group of groupByKind(wanted)) {
    const answers = await Promise.all(
      group.map(async one => {
        try {
          return await pages<Table>(client, path(one, flags, namespace), TABLE_ACCEPT, context.signal);
        } catch (error) {
          if (!isApiError(error, 'NotFound') || one.name === undefined) throw error;
          if (!flags.ignoreNotFound) {
            context.note(`error: ${error.message}`);
            exit = EXIT.notFound;
          }
          return [];
        }
      }),
    );
    const all = answers.flat();
    const resource = (group[0] as Selection).resource;
    const table: Table = { ...(all[0] as Table), rows: all.flatMap(one => one.rows ?? []) };
    if (!all[0] || table.rows?.length === 0) continue;
    if (printed && prefixed) context.print('');
    const options = {
      wide,
      withNamespace: flags.allNamespaces && resource.namespaced,
      withLabels: flags.showLabels,
      noHeaders: !flags.headers,
      ...(prefixed && { prefix: `${resource.kind.toLowerCase()}${resource.group && `.${resource.group}`}/` }),
    };
    context.print(renderTable(table, options).join('\n'));
    printed = true;
    rows += table.rows?.length ?? 0;
  }
  if (rows === 0 && exit === EXIT.done && !wanted.some(({ name }) => name))
    context.note(
      namespace === undefined || !wanted.some(({ resource }) => resource.namespaced)
        ? 'No resources found'
        : `No resources found in namespace ${namespace}.`,
    );
  return exit;
}

function groupByKind(wanted: Selection[]): Selection[][] {
  const groups = new Map<string, Selection[]>();
  for (const one of wanted) {
    const key = `${one.resource.group}/${one.resource.plural}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

async function objects(
  wanted: Selection[],
  format: Format,
  flags: GetFlags,
  namespace: string | undefined,
  client: Client,
  context: CommandContext,
): Promise<number> {
  let exit: number = EXIT.done;
  const items: KubeObject[] = [];
  for (const one of wanted) {
    try {
      const answers = await pages<KubeObject & KubeList>(
        client,
        path(one, flags, namespace),
        'application/json',
        context.signal,
      );
      if (one.name === undefined)
        items.push(
          ...answers.flatMap(list =>
            (list.items ?? []).map(item => ({
              ...item,
              apiVersion: item.apiVersion ?? list.apiVersion,
              kind: item.kind ?? list.kind.replace(/List$/, ''),
            })),
          ),
        );
      else items.push(answers[0] as KubeObject);
    } catch (error) {
      if (!isApiError(error, 'NotFound') || one.name === undefined) throw error;
      if (flags.ignoreNotFound) continue;
      context.note(`error: ${error.message}`);
      exit = EXIT.notFound;
    }
  }
  const single = wanted.length === 1 && wanted[0]?.name !== undefined;
  const value = single
    ? items[0]
    : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items };
  if (value === undefined) return exit;
  const text = await formatObject(value, format, flags.showManagedFields);
  if (format.kind === 'jsonpath') context.io.stdout.write(text);
  else if (text !== '') context.print(text);
  return exit;
}
