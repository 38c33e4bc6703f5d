import type { Client } from '../../controller/client/client.ts';
import { ApiError, isApiError } from '../../controller/kit/errors.ts';
import { jsonEqual } from '../../controller/kit/json.ts';
import type { Resource } from '../../crds/kinds.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Command, CommandContext } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import type { Prepared } from '../manifest/prepare.ts';
import type { Manifest } from '../manifest/read.ts';
import { readDeclared } from '../manifest/read-declared.ts';
import { type Format, formatObject, nameOf, parseFormat } from '../output/format.ts';
import { prune } from '../prune.ts';
import { readTimeout } from '../wait/timeout.ts';
import { APPLY_OPTIONS, type ApplyFlags } from './apply-flags.ts';

/** The owner of the fields that `nexus apply` sets. */
export const FIELD_MANAGER = 'nexus';
/** Applied first, one kind after the other, since others need them to be there. */
const FIRST = ['Namespace', 'CustomResourceDefinition', 'Secret', 'ConfigMap'];
const PARALLEL = 8;
/** How long a kind that the files themselves define is waited for. */
const NEW_KIND_MS = 10_000;

interface Applied {
  manifest: Manifest;
  resource: Resource;
  result: 'created' | 'configured' | 'unchanged';
  object: KubeObject;
}

export const apply: Command = {
  usage: 'apply',
  describe: 'Make objects as declared in files (server-side apply)',
  examples: [
    ['nexus apply -f shop.yaml --wait', 'and follow it until it is ready'],
    [
      'nexus apply -f team/ --prune -l team=red',
      'and delete what is labelled so and no longer in the folder',
    ],
    ['cat shop.yaml | nexus apply -f - --dry-run', 'see what would happen'],
  ],
  build: yargs => yargs.options(APPLY_OPTIONS),

  async run(raw, context) {
    const flags = raw as ApplyFlags;
    if (flags.prune && !flags.selector)
      throw usageError(
        '--prune needs -l, so that it deletes nothing by accident',
        'nexus apply -f DIR --prune -l app=shop',
      );
    const timeoutMs = readTimeout(flags.timeout, { mayBeZero: false });
    const format = flags.output === undefined ? undefined : parseFormat(flags.output);
    if (format?.kind === 'table') throw usageError('apply -o takes json, yaml, name or jsonpath={…}');
    const { manifests, prepared } = await readDeclared(flags, context);
    const client = await context.client();

    const applied: Applied[] = [];
    const failures: unknown[] = [];
    for (const wave of waves(prepared)) {
      await inParallel(wave, async one => {
        try {
          const done = await applyOne(client, one, flags, context);
          applied.push(done);
          if (!format)
            context.print(`${nameOf(done.object)} ${done.result}${flags.dryRun ? ' (dry run)' : ''}`);
        } catch (error) {
          failures.push(error);
          context.note(`error: ${one.manifest.source}: ${(error as Error).message}`);
          if (isApiError(error, 'Conflict'))
            context.note('next: leave those fields out, or take them over with --force-conflicts');
        }
      });
    }
    if (format)
      await printObjects(
        inOrder(applied, manifests).map(({ object }) => object),
        format,
        context,
      );
    if (flags.prune && failures.length === 0)
      await prune(
        {
          client,
          applied,
          selector: flags.selector as string,
          dryRun: flags.dryRun,
          fieldManager: FIELD_MANAGER,
        },
        context,
      );
    if (failures.length > 0) throw summary(failures, manifests.length);
    if (!flags.wait || flags.dryRun) return EXIT.done;
    const waitFor = inOrder(applied, manifests).filter(({ resource }) => resource.kind === 'Workspace');
    // Loaded for who waits alone: it brings much along.
    const { waitUntilReady } = await import('../wait/ready.ts');
    return waitUntilReady(
      client,
      waitFor.map(({ object }) => object),
      timeoutMs,
      context,
    );
  },
};

function waves(prepared: Prepared[]): Prepared[][] {
  const first = FIRST.map(kind => prepared.filter(({ resource }) => resource.kind === kind));
  return [...first, prepared.filter(({ resource }) => !FIRST.includes(resource.kind))].filter(
    wave => wave.length > 0,
  );
}

async function inParallel<T>(items: T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}

async function applyOne(
  client: Client,
  { manifest, resource, isNewKind }: Prepared,
  flags: ApplyFlags,
  context: CommandContext,
): Promise<Applied> {
  const { object } = manifest;
  const before = await client.get(resource, object.metadata, context.signal).catch(error => {
    if (isApiError(error, 'NotFound')) return undefined;
    throw error;
  });
  const write = () =>
    client.apply(resource, object, {
      fieldManager: FIELD_MANAGER,
      force: flags.forceConflicts,
      dryRun: flags.dryRun,
      fieldValidation: 'Strict',
      signal: context.signal,
      onWarning: text => context.note(`warning: ${manifest.source}: ${text}`),
    });
  const after = await (isNewKind && !flags.dryRun ? untilServed(write, context) : write());
  const same = before !== undefined && isSame(before, after);
  return {
    manifest,
    resource,
    object: after,
    result: before === undefined ? 'created' : same ? 'unchanged' : 'configured',
  };
}

/** Whether an apply has changed nothing. A controller may have written its own part between the two. */
function isSame(before: KubeObject, after: KubeObject): boolean {
  if (before.metadata.resourceVersion === after.metadata.resourceVersion) return true;
  const declared = ({ metadata, ...rest }: KubeObject) => ({
    ...rest,
    metadata: { ...metadata, resourceVersion: undefined, managedFields: undefined, finalizers: undefined },
    status: undefined,
  });
  return jsonEqual(declared(before), declared(after));
}

/** A kind is served a moment after its definition was applied. */
async function untilServed<T>(write: () => Promise<T>, context: CommandContext): Promise<T> {
  const deadline = context.clock.now() + NEW_KIND_MS;
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (!isApiError(error, 'NotFound') || context.clock.now() > deadline) throw error;
    }
    await context.clock.sleep(100, context.signal);
  }
}

async function printObjects(objects: KubeObject[], format: Format, context: CommandContext): Promise<void> {
  const [one] = objects;
  if (!one) return;
  const value = objects.length === 1 ? one : { apiVersion: 'v1', kind: 'List', metadata: {}, items: objects };
  context.print(await formatObject(value, format));
}

function inOrder(applied: Applied[], manifests: Manifest[]): Applied[] {
  const order = new Map(manifests.map(({ source }, i) => [source, i]));
  return [...applied].sort(
    (a, b) => (order.get(a.manifest.source) ?? 0) - (order.get(b.manifest.source) ?? 0),
  );
}

/** Where the fields are that one could have been meant for. */
function fieldsOf(error: unknown): string | undefined {
  const [, kind, path] = /^(\w+) in version .* unknown field "([^"]+)"/.exec((error as Error).message) ?? [];
  if (kind === undefined || path === undefined) return undefined;
  const above = path
    .replaceAll(/\[\d*\]/g, '')
    .split('.')
    .slice(0, -1);
  return `nexus explain ${[kind.toLowerCase(), ...above].join('.')}`;
}

/** One failure speaks for itself, in exit code too; of several the first's code is used. */
function summary(failures: unknown[], total: number): CliError {
  const [first] = failures;
  const exits: Partial<Record<ApiError['reason'], number>> = {
    Conflict: EXIT.conflict,
    AlreadyExists: EXIT.conflict,
    Forbidden: EXIT.noAccess,
    Unauthorized: EXIT.noAccess,
    Unreachable: EXIT.unreachable,
    NotFound: EXIT.notFound,
  };
  const exitCode = first instanceof ApiError ? (exits[first.reason] ?? EXIT.failed) : EXIT.failed;
  return new CliError(`${failures.length} of ${total} could not be applied`, {
    exitCode: exitCode as CliError['exitCode'],
    next: fieldsOf(first),
    cause: first,
  });
}
