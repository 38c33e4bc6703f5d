import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isApiError } from '../../controller/kit/errors.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { readManifests } from '../manifest/read.ts';
import { toYaml } from '../output/yaml.ts';
import { resourceOf } from '../resources.ts';
import { FIELD_MANAGER } from './apply.ts';

/** As `kubectl diff` and `diff` itself: something differs. */
const DIFFERENT = 1;

export const diff: Command = {
  usage: 'diff',
  describe: 'Show what `apply` would change; exits 1 when it would change something',
  examples: [['nexus diff -f shop.yaml', 'what is there against what would be']],
  build: yargs =>
    yargs
      .option('filename', {
        alias: 'f',
        type: 'string',
        array: true,
        demandOption: true,
        nargs: 1,
        describe: 'File, folder or - for standard input',
      })
      .option('recursive', { alias: 'R', type: 'boolean', default: false, describe: 'Folders below too' })
      .option('force-conflicts', { type: 'boolean', default: false, describe: 'As with apply' }),
  async run(raw, context) {
    const flags = raw as Flags & { filename: string[]; recursive: boolean; forceConflicts: boolean };
    const manifests = await readManifests(flags.filename, context.io.stdin, { recursive: flags.recursive });
    const client = await context.client();
    const namespace = await context.namespace();
    const base = mkdtempSync(join(tmpdir(), 'nexus-diff-'));
    try {
      for (const side of ['live', 'applied']) mkdirSync(join(base, side));
      for (const { object } of manifests) {
        const resource = await resourceOf(object, context.client, context.signal);
        const metadata = resource.namespaced
          ? { ...object.metadata, namespace: object.metadata.namespace ?? namespace }
          : object.metadata;
        const live = await client.get(resource, metadata, context.signal).catch(error => {
          if (isApiError(error, 'NotFound')) return undefined;
          throw error;
        });
        const after = await client.apply(
          resource,
          { ...object, metadata },
          { fieldManager: FIELD_MANAGER, force: flags.forceConflicts, dryRun: true, signal: context.signal },
        );
        const name = [resource.group, resource.kind, metadata.namespace, metadata.name]
          .filter(Boolean)
          .join('.');
        writeFileSync(join(base, 'live', name), live ? toYaml(shown(live)) : '');
        writeFileSync(join(base, 'applied', name), toYaml(shown(after)));
      }
      const result = spawnSync('diff', ['-u', '-N', '-r', 'live', 'applied'], {
        cwd: base,
        encoding: 'utf8',
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

/** What a person declares: without what the server keeps for itself, secrets as digests of their length. */
function shown(object: KubeObject): object {
  const { managedFields: _, resourceVersion: _r, ...metadata } = object.metadata;
  const { data, ...rest } = object as KubeObject & { data?: Record<string, string> };
  if (object.kind !== 'Secret') return { ...object, metadata };
  const hidden = Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [
      key,
      `*** (${Buffer.from(value, 'base64').length} bytes)`,
    ]),
  );
  return { ...rest, metadata, ...(data && { data: hidden }) };
}
