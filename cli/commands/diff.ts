import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../controller/kit/errors.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Command } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { MANIFEST_OPTIONS, type ManifestFlags } from '../manifest/options.ts';
import { readDeclared } from '../manifest/read-declared.ts';
import { toYaml } from '../output/yaml.ts';
import { FIELD_MANAGER } from './apply.ts';

/** As `kubectl diff` and `diff` itself: something differs. */
const DIFFERENT = 1;

export const diff: Command = {
  usage: 'diff',
  describe: 'Show what `apply` would change; exits 1 when it would change something',
  examples: [['nexus diff -f shop.yaml', 'what is there against what would be']],
  build: yargs => yargs.options(MANIFEST_OPTIONS),
  async run(raw, context) {
    const flags = raw as ManifestFlags;
    const { prepared } = await readDeclared(flags, context);
    const client = await context.client();
    const base = mkdtempSync(join(tmpdir(), 'nexus-diff-'));
    try {
      for (const side of ['live', 'applied']) mkdirSync(join(base, side));
      for (const { resource, manifest, isNewKind } of prepared) {
        const { object } = manifest;
        const { metadata } = object;
        const live = await client.get(resource, metadata, context.signal).catch(error => {
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        });
        const { forceConflicts: force } = flags;
        const options = { fieldManager: FIELD_MANAGER, force, dryRun: true, signal: context.signal };
        // Of a kind that is not served yet the server cannot say what would become of it.
        const after =
          live === undefined && isNewKind
            ? object
            : await client.apply(resource, object, options).catch(error => {
                throw cannotTell(error, manifest.source);
              });
        const name = [resource.group, resource.kind, metadata.namespace, metadata.name]
          .filter(Boolean)
          .join('.');
        const [before, then] = shown(live, after);
        writeFileSync(join(base, 'live', name), before);
        writeFileSync(join(base, 'applied', name), then);
      }
      const colour = context.io.stdout.isTTY && !context.io.env.NO_COLOR ? ['--color=always'] : [];
      const result = spawnSync('diff', ['-u', '-N', '-r', ...colour, 'live', 'applied'], {
        cwd: base,
        encoding: 'utf8',
        env: context.io.env as NodeJS.ProcessEnv,
        maxBuffer: 64 * 1024 * 1024,
      });
      if (result.error)
        throw new CliError(`cannot run diff: ${result.error.message}`, {
          next: 'on Debian: apt-get install diffutils',
          cause: result.error,
        });
      if (result.stdout) context.io.stdout.write(result.stdout);
      return result.status === 0 ? EXIT.done : DIFFERENT;
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
  },
};

/** 1 is taken: it says that something differs. What is refused is told as wrong use, as `diff` itself does. */
function cannotTell(error: unknown, source: string): unknown {
  if (!isApiError(error, 'Invalid', 'BadRequest')) return error;
  return new CliError(`${source}: ${error.message}`, { exitCode: EXIT.usage, cause: error });
}

/** Both sides as a person would declare them; of secrets whether values differ, never the values. */
function shown(live: KubeObject | undefined, after: KubeObject): [string, string] {
  const [before, then] = [live && declared(live), declared(after)];
  if (after.kind === 'Secret') mask(before, then);
  return [before ? toYaml(before) : '', toYaml(then)];
}

type Declared = KubeObject & { data?: Record<string, string> };

function declared(object: KubeObject): Declared {
  const { managedFields: _, resourceVersion: _r, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function mask(before: Declared | undefined, then: Declared): void {
  const [old, now] = [before?.data ?? {}, then.data ?? {}];
  const hide = (side: Record<string, string>, other: Record<string, string>, when: string) =>
    Object.fromEntries(
      Object.entries(side).map(([key, value]) => [key, other[key] === value ? '***' : `*** (${when})`]),
    );
  if (before?.data) before.data = hide(old, now, 'before');
  if (then.data) then.data = hide(now, old, 'after');
}
