import { isApiError } from '../../controller/kit/errors.ts';
import { type Resource, WORKSPACE } from '../../crds/kinds.ts';
import { ANNOTATION_FORCE_DELETE } from '../../crds/names.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { EXIT, usageError } from '../errors.ts';
import { readManifests } from '../manifest/read.ts';
import { nameOf } from '../output/format.ts';
import { createResolver } from '../resources.ts';
import { selections } from '../selections.ts';
import { refreshConfig } from '../ssh/config/update.ts';
import { followObject } from '../wait/follow.ts';
import { type WaitFlags, waitOptions } from '../wait/options.ts';
import { readTimeout } from '../wait/timeout.ts';

interface DeleteFlags extends Flags, WaitFlags {
  resource?: string;
  names: string[];
  filename?: string[];
  selector?: string;
  all: boolean;
  allNamespaces: boolean;
  force: boolean;
  ignoreNotFound: boolean;
  dryRun: boolean;
  cascade: string;
}

interface Target {
  resource: Resource;
  name: string;
  namespace?: string;
}

export const DELETE_OPTIONS = {
  filename: {
    alias: 'f',
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Delete what these files declare',
  },
  selector: { alias: 'l', type: 'string', describe: 'Label selector' },
  all: { type: 'boolean', default: false, describe: 'All of the kind in the namespace' },
  'all-namespaces': {
    alias: 'A',
    type: 'boolean',
    default: false,
    describe: 'With -l or --all: in all namespaces',
  },
  force: {
    type: 'boolean',
    default: false,
    describe: 'Workspaces: forget what a silent node does not answer for',
  },
  ...waitOptions('it is gone'),
  'ignore-not-found': {
    type: 'boolean',
    default: false,
    describe: 'What is not there is success',
  },
  'dry-run': { type: 'boolean', default: false, describe: 'Say what would be deleted' },
  cascade: {
    type: 'string',
    choices: ['background', 'foreground', 'orphan'],
    default: 'background',
    describe: 'What becomes of dependents',
  },
} as const;

export const remove: Command = {
  usage: 'delete [resource] [names..]',
  describe: 'Delete objects; a workspace takes its container and, unless retainVolume, its volume along',
  examples: [
    ['nexus delete ws shop', 'and wait until nothing of it is left'],
    ['nexus delete -f team/', 'what the files declare'],
    ['nexus delete ws shop --force', 'without waiting for a node that does not answer'],
  ],
  build: yargs =>
    yargs
      .positional('resource', { type: 'string', describe: 'Kind or KIND/NAME' })
      .positional('names', { type: 'string', array: true, default: [], describe: 'Names' })
      .options(DELETE_OPTIONS),

  async run(raw, context) {
    const flags = raw as DeleteFlags;
    const timeoutMs = readTimeout(flags.timeout);
    const client = await context.client();
    const targets = await targetsOf(flags, context);
    if (targets.length === 0) context.note('nothing to delete');
    const gone: Promise<boolean>[] = [];
    const deleted: Target[] = [];
    const expired = new AbortController();
    const cancel = context.clock.after(timeoutMs, () => expired.abort());
    const signal = AbortSignal.any([context.signal, expired.signal]);
    let exit: number = EXIT.done;
    for (const { resource, name, namespace } of targets) {
      const label = nameOf({
        apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version,
        kind: resource.kind,
        metadata: { name },
      });
      try {
        const key = { name, namespace };
        const current = await client.get(resource, key, context.signal);
        if (flags.force && resource.kind === WORKSPACE.kind && !flags.dryRun)
          await client.patch(resource, key, 'merge', {
            metadata: { annotations: { [ANNOTATION_FORCE_DELETE]: 'true' } },
          });
        const propagationPolicy = `${flags.cascade[0]?.toUpperCase()}${flags.cascade.slice(1)}` as
          | 'Background'
          | 'Foreground'
          | 'Orphan';
        await client.delete(resource, key, {
          dryRun: flags.dryRun,
          propagationPolicy,
          preconditions: { uid: current.metadata.uid },
          signal: context.signal,
        });
        context.print(`${label} deleted${flags.dryRun ? ' (dry run)' : ''}`);
        if (!flags.dryRun) deleted.push({ resource, name, namespace });
        if (flags.wait && !flags.dryRun)
          gone.push(untilGone(resource, key, current.metadata.uid, signal, context));
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
        if (flags.ignoreNotFound) continue;
        context.note(`error: ${error.message}`);
        exit = EXIT.notFound;
      }
    }
    const ended = await Promise.all(gone).finally(cancel);
    await refreshConfig(context, { gone: deleted.filter(({ resource }) => resource === WORKSPACE) });
    if (ended.every(Boolean)) return exit;
    context.signal.throwIfAborted();
    context.note(`error: ${ended.filter(end => !end).length} not gone within ${flags.timeout}; it goes on`);
    context.note('next: nexus describe tells what it waits for; a node that is lost for good: --force');
    return EXIT.timeout;
  },
};

async function targetsOf(flags: DeleteFlags, context: CommandContext): Promise<Target[]> {
  const namespace = await context.namespace();
  if (flags.filename) {
    const manifests = await readManifests(flags.filename, context.io.stdin);
    const resolver = createResolver(context.client, context.signal);
    const targets = manifests.map(async ({ object }) => {
      const resource = await resolver.ofObject(object);
      return target(resource, { ...object.metadata, namespace: object.metadata.namespace ?? namespace });
    });
    // What was applied last goes first: a namespace after what is in it.
    return (await Promise.all(targets)).reverse();
  }
  if (flags.names.length > 0 && (flags.selector || flags.all || flags.allNamespaces))
    throw usageError('names cannot be combined with -l, --all or -A', 'leave one of them out');
  if (flags.all && flags.selector) throw usageError('--all and -l say two things', 'leave one of them out');
  const wanted = await selections([flags.resource ?? '', ...flags.names].filter(Boolean), context);
  const client = await context.client();
  const targets: Target[] = [];
  for (const { resource, name } of wanted) {
    if (name !== undefined) {
      targets.push(target(resource, { name, namespace }));
      continue;
    }
    if (!flags.selector && !flags.all)
      throw usageError(`which ${resource.plural}?`, `name them, or -l SELECTOR, or --all`);
    const list = await client.list(resource, {
      namespace: flags.allNamespaces ? undefined : namespace,
      labelSelector: flags.selector,
      signal: context.signal,
    });
    targets.push(...list.items.map(({ metadata }) => target(resource, metadata)));
  }
  return targets;
}

function target(resource: Resource, key: { name: string; namespace?: string }): Target {
  return resource.namespaced
    ? { resource, name: key.name, namespace: key.namespace }
    : { resource, name: key.name };
}

async function untilGone(
  resource: Resource,
  key: { name: string; namespace?: string },
  uid: string | undefined,
  signal: AbortSignal,
  context: CommandContext,
): Promise<boolean> {
  for await (const object of followObject(await context.client(), resource as Resource<KubeObject>, key, {
    signal,
    clock: context.clock,
  })) {
    if (!object || object.metadata.uid !== uid) return true;
  }
  return false;
}
