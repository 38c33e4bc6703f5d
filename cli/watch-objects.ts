import { ApiError } from '../controller/kit/errors.ts';
import type { KubeList, KubeObject } from '../crds/object.ts';
import type { CommandContext } from './command.ts';
import type { GetRequest } from './commands/get-request.ts';
import { EXIT, usageError } from './errors.ts';
import { formatObject } from './output/format.ts';
import { createRowPrinter } from './output/row-printer.ts';
import { TABLE_ACCEPT, type Table } from './output/table.ts';
import type { Selection } from './selections.ts';
import { followList } from './wait/follow-list.ts';

/** Prints what there is and then each change, until Ctrl-C. */
export async function watchObjects(request: GetRequest, context: CommandContext): Promise<number> {
  const [one, ...more] = request.wanted;
  if (!one || more.length > 0) throw usageError('-w follows one kind, or one object', 'nexus get ws -w');
  const followed = follow(one, request, context);
  return request.format.kind === 'table'
    ? rows(followed, one, request, context)
    : documents(followed, one, request, context);
}

function follow({ resource, name }: Selection, request: GetRequest, context: CommandContext) {
  const { flags, client, namespace, format } = request;
  const fieldSelector = [flags.fieldSelector, name && `metadata.name=${name}`].filter(Boolean).join(',');
  const query = {
    ...(resource.namespaced && namespace !== undefined && { namespace }),
    ...(flags.selector && { labelSelector: flags.selector }),
    ...(fieldSelector && { fieldSelector }),
    accept: format.kind === 'table' ? TABLE_ACCEPT : 'application/json',
  };
  return followList<Table & KubeList>(client, resource, query, context);
}

type Stream = ReturnType<typeof follow>;

async function rows(followed: Stream, one: Selection, request: GetRequest, context: CommandContext) {
  const { flags, format } = request;
  const printer = createRowPrinter(context, {
    wide: format.kind === 'table' && format.wide,
    withNamespace: flags.allNamespaces && one.resource.namespaced,
    withLabels: flags.showLabels,
    headers: flags.headers,
  });
  let first = true;
  for await (const item of followed) {
    if (item.type === 'LIST') {
      if (first) refuseMissing(one, item.list.rows?.length, request);
      if (!first || !flags.watchOnly) printer.print(item.list);
      first = false;
    } else printer.print(item.object as unknown as Table);
  }
  return EXIT.done;
}

async function documents(followed: Stream, one: Selection, request: GetRequest, context: CommandContext) {
  const { flags, format } = request;
  const print = async (object: KubeObject) => {
    const text = await formatObject(object, format, flags.showManagedFields);
    context.print(format.kind === 'yaml' ? `---\n${text}` : text);
  };
  let first = true;
  for await (const item of followed) {
    if (item.type === 'LIST') {
      if (first) refuseMissing(one, item.list.items?.length, request);
      const items = !first || !flags.watchOnly ? item.list.items : [];
      for (const object of items)
        await print({
          ...object,
          apiVersion: object.apiVersion ?? item.list.apiVersion,
          kind: object.kind ?? one.resource.kind,
        });
      first = false;
    } else await print(item.object);
  }
  return EXIT.done;
}

/** One that is named must be there, as without -w. */
function refuseMissing(
  { resource, name }: Selection,
  found: number | undefined,
  { flags }: GetRequest,
): void {
  if (name === undefined || found || flags.ignoreNotFound) return;
  const kind = resource.group ? `${resource.plural}.${resource.group}` : resource.plural;
  throw new ApiError('NotFound', `${kind} "${name}" not found`);
}
