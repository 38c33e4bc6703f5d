import type { Resource } from '../../crds/kinds.ts';
import type { Condition, KubeObject } from '../../crds/object.ts';
import type { Command, CommandContext, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { nameOf } from '../output/format.ts';
import { selections } from '../selections.ts';
import { followObject } from '../wait/follow.ts';
import { readTimeout } from '../wait/timeout.ts';

interface WaitFlags extends Flags {
  resource: string;
  names: string[];
  for: string;
  timeout: string;
  selector?: string;
  all: boolean;
}

/** Whether an object (undefined: not there) is as waited for. */
export type Expectation = (object: KubeObject | undefined) => boolean | Promise<boolean>;

/** Reads `delete`, `create`, `condition=Ready[=False]`, `phase=Running`, `jsonpath={…}=value`. Throws CliError. */
export function parseExpectation(text: string): Expectation {
  if (text === 'delete') return object => object === undefined;
  if (text === 'create') return object => object !== undefined;
  const condition = /^condition=([^=]+)(?:=(.+))?$/.exec(text);
  if (condition) {
    const [, type = '', wanted = 'True'] = condition;
    return object => {
      const found = (
        object as { status?: { conditions?: Condition[] } } | undefined
      )?.status?.conditions?.find(c => c.type.toLowerCase() === type.toLowerCase());
      // A condition that speaks of an earlier spec says nothing about this one.
      const current =
        (found?.observedGeneration ?? Number.POSITIVE_INFINITY) >= (object?.metadata.generation ?? 0);
      return current && found?.status.toLowerCase() === wanted.toLowerCase();
    };
  }
  const phase = /^phase=(.+)$/.exec(text);
  if (phase)
    return object =>
      (object as { status?: { phase?: string } } | undefined)?.status?.phase?.toLowerCase() ===
      phase[1]?.toLowerCase();
  const path = /^jsonpath=(\{[^}]*\}|\S+?)=(.*)$/s.exec(text);
  if (path) {
    return async object => {
      if (!object) return false;
      const { renderJsonPath } = await import('../../controller/kit/jsonpath.ts');
      return renderJsonPath(path[1] as string, object) === path[2];
    };
  }
  throw usageError(
    `cannot wait for "${text}"`,
    '--for condition=Ready, phase=Stopped, jsonpath={.status.phase}=Running, create or delete',
  );
}

export const wait: Command = {
  usage: 'wait <resource> [names..]',
  describe: 'Wait until objects are as said',
  examples: [
    ['nexus wait ws/shop --for condition=Ready', 'until everything is as declared'],
    ['nexus wait ws shop blog --for delete --timeout 30s', 'until both are gone'],
  ],
  build: yargs =>
    yargs
      .positional('resource', { type: 'string', demandOption: true, describe: 'Kind or KIND/NAME' })
      .positional('names', { type: 'string', array: true, default: [], describe: 'Names' })
      .option('for', {
        type: 'string',
        default: 'condition=Ready',
        describe: 'condition=TYPE[=STATUS], phase=PHASE, jsonpath={…}=VALUE, create, delete',
      })
      .option('selector', {
        alias: 'l',
        type: 'string',
        describe: 'Those that are there now with these labels',
      })
      .option('all', { type: 'boolean', default: false, describe: 'All that are there now' })
      .option('timeout', { type: 'string', default: '5m', describe: 'How long' }),

  async run(raw, context) {
    const flags = raw as WaitFlags;
    const expected = parseExpectation(flags.for);
    const mayBeMissing = flags.for === 'delete' || flags.for === 'create';
    const timeoutMs = readTimeout(flags.timeout);
    const targets = await named(flags, context);
    const expired = new AbortController();
    const cancel = context.clock.after(timeoutMs, () => expired.abort());
    const signal = AbortSignal.any([context.signal, expired.signal]);
    try {
      const results = await Promise.all(
        targets.map(target => waitForOne(target, { expected, mayBeMissing }, signal, context)),
      );
      context.signal.throwIfAborted();
      if (results.every(Boolean)) return EXIT.done;
      for (const [i, { resource, name }] of targets.entries())
        if (!results[i])
          context.note(
            `error: ${resource.kind.toLowerCase()} ${name}: not ${flags.for} within ${flags.timeout}`,
          );
      return EXIT.timeout;
    } finally {
      cancel();
    }
  },
};

interface Target {
  resource: Resource;
  name: string;
  namespace?: string;
}

async function named(flags: WaitFlags, context: CommandContext): Promise<Target[]> {
  const namespace = await context.namespace();
  const client = await context.client();
  const targets: Target[] = [];
  for (const { resource, name } of await selections([flags.resource, ...flags.names], context)) {
    const scope = resource.namespaced ? { namespace } : {};
    if (name !== undefined) targets.push({ resource, name, ...scope });
    else if (!flags.selector && !flags.all)
      throw usageError(`which ${resource.plural}?`, 'name them, or -l SELECTOR, or --all');
    else
      targets.push(
        ...(
          await client.list(resource, { ...scope, labelSelector: flags.selector, signal: context.signal })
        ).items.map(({ metadata }) => ({ resource, name: metadata.name, ...scope })),
      );
  }
  return targets;
}

async function waitForOne(
  { resource, ...key }: Target,
  wanted: { expected: Expectation; mayBeMissing: boolean },
  signal: AbortSignal,
  context: CommandContext,
): Promise<boolean> {
  const { expected, mayBeMissing } = wanted;
  const client = await context.client();
  let last: KubeObject | undefined;
  for await (const object of followObject(client, resource, key, { signal, clock: context.clock })) {
    last = object ?? last;
    if (!object && !mayBeMissing) {
      const what = `${resource.plural}${resource.group && `.${resource.group}`} "${key.name}"`;
      throw new CliError(`${what} ${last ? 'was deleted' : 'is not there'}`, {
        exitCode: EXIT.notFound,
        next: last ? undefined : '--for create waits for it',
      });
    }
    if (!(await expected(object))) continue;
    context.print(`${last ? nameOf(last) : `${resource.kind.toLowerCase()}/${key.name}`} condition met`);
    return true;
  }
  return false;
}
