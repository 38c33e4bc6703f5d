import type { Client } from '../controller/client/client.ts';
import { Backoff } from '../controller/kit/backoff.ts';
import { isApiError } from '../controller/kit/errors.ts';
import type { KubeObject } from '../crds/object.ts';
import type { CommandContext } from './command.ts';
import type { Selection } from './commands/get.ts';
import { EXIT, usageError } from './errors.ts';
import { type Format, formatObject } from './output/format.ts';
import { TABLE_ACCEPT, type Table, tableCells } from './output/table.ts';

export interface WatchObjectsOptions {
  wanted: Selection[];
  format: Format;
  flags: {
    selector?: string;
    fieldSelector?: string;
    allNamespaces: boolean;
    headers: boolean;
    showLabels: boolean;
    showManagedFields: boolean;
  };
  namespace: string | undefined;
  client: Client;
}

const GAP = 3;

/** Prints what there is and then each change, until Ctrl-C. A server that goes away is waited for. */
export async function watchObjects(options: WatchObjectsOptions, context: CommandContext): Promise<number> {
  const { wanted, format, flags, client } = options;
  const [one, ...more] = wanted;
  if (!one || more.length > 0) throw usageError('-w follows one kind, or one object', 'nexus get ws -w');
  const { resource, name } = one;
  const selectors = [flags.fieldSelector, name && `metadata.name=${name}`].filter(Boolean).join(',');
  const query = {
    namespace: resource.namespaced ? options.namespace : undefined,
    ...(flags.selector && { labelSelector: flags.selector }),
    ...(selectors && { fieldSelector: selectors }),
    signal: context.signal,
  };
  const print =
    format.kind === 'table'
      ? rowPrinter(format.wide, options, context)
      : objectPrinter(format, flags.showManagedFields, context);
  const accept = format.kind === 'table' ? TABLE_ACCEPT : 'application/json';
  const backoff = new Backoff({ baseMs: 200, maxMs: 5000 });
  let resourceVersion = '';
  let answered = false;
  while (!context.signal.aborted) {
    try {
      // From "0" or unset the server starts with what there is; after that from where it broke off.
      const watch = client.watch(resource, {
        ...query,
        accept,
        allowWatchBookmarks: true,
        ...(resourceVersion && { resourceVersion }),
      });
      for await (const event of watch) {
        answered = true;
        backoff.reset();
        const version = event.object.metadata?.resourceVersion;
        if (event.type !== 'BOOKMARK') await print(event.object);
        if (version && format.kind !== 'table') resourceVersion = version;
        const row = (event.object as unknown as Table).rows?.[0]?.object as KubeObject | undefined;
        if (row?.metadata.resourceVersion) resourceVersion = row.metadata.resourceVersion;
      }
    } catch (error) {
      if (context.signal.aborted) break;
      if (isApiError(error, 'Expired', 'Gone')) resourceVersion = '';
      else if (
        !answered ||
        !isApiError(error, 'Unreachable', 'ServiceUnavailable', 'TooManyRequests', 'InternalError', 'Timeout')
      )
        throw error;
      else context.verbose(`watch broke off: ${error.message}`);
    }
    await context.clock.sleep(backoff.next(), context.signal).catch(() => {});
  }
  return EXIT.done;
}

/** Rows as they come: widths only grow, so that columns line up as well as they can. */
function rowPrinter(wide: boolean, options: WatchObjectsOptions, context: CommandContext) {
  let columns: NonNullable<Table['columnDefinitions']> | undefined;
  const widths: number[] = [];
  const line = (cells: string[]) => {
    for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
    return cells
      .map((cell, i) => (i === cells.length - 1 ? cell : cell.padEnd((widths[i] as number) + GAP)))
      .join('')
      .trimEnd();
  };
  return async (object: KubeObject) => {
    const table = object as unknown as Table;
    const first = columns === undefined;
    columns ??= table.columnDefinitions;
    if (!columns) return;
    const { header, rows } = tableCells(columns, table.rows ?? [], {
      wide,
      withNamespace: options.flags.allNamespaces,
      withLabels: options.flags.showLabels,
    });
    const known = first && options.flags.headers ? [header, ...rows] : rows;
    if (first) for (const cells of known) line(cells);
    for (const cells of known) context.print(line(cells));
  };
}

function objectPrinter(format: Format, showManagedFields: boolean, context: CommandContext) {
  return async (object: KubeObject) => {
    const text = await formatObject(object, format, showManagedFields);
    context.print(format.kind === 'yaml' ? `---\n${text}` : text);
  };
}
