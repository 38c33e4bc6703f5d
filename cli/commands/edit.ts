import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isApiError } from '../../controller/kit/errors.ts';
import type { KubeObject } from '../../crds/object.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';
import { nameOf } from '../output/format.ts';
import { toYaml } from '../output/yaml.ts';
import { selections } from '../selections.ts';

const HEADER = '# Lines that begin with # are left out. An empty file changes nothing.\n#\n';

export const edit: Command = {
  usage: 'edit <resource> [name]',
  describe: 'Change an object in your editor',
  examples: [['nexus edit ws shop', 'in $VISUAL, $EDITOR, else vi']],
  build: yargs =>
    yargs
      .positional('resource', { type: 'string', demandOption: true, describe: 'Kind or KIND/NAME' })
      .positional('name', { type: 'string', describe: 'Name' }),
  async run(raw, context) {
    const flags = raw as Flags & { resource: string; name?: string };
    const [one] = await selections([flags.resource, ...(flags.name ? [flags.name] : [])], context);
    if (!one?.name) throw usageError('which one?', 'nexus edit ws NAME');
    const client = await context.client();
    const key = { name: one.name, ...(one.resource.namespaced && { namespace: await context.namespace() }) };
    const current = await client.get(one.resource, key, context.signal);
    const { managedFields: _, ...metadata } = current.metadata;
    const original = toYaml({ ...current, metadata });
    const folder = mkdtempSync(join(tmpdir(), 'nexus-edit-'));
    const file = join(folder, `${one.name}.yaml`);
    let keep = false;
    try {
      let text = HEADER + original;
      let submitted = original;
      for (;;) {
        writeFileSync(file, text, { mode: 0o600 });
        openEditor(file, context.io.env);
        const edited = readFileSync(file, 'utf8').replace(/^#.*\n/gm, '');
        if (edited.trim() === '' || edited === submitted) {
          keep = submitted !== original;
          context.print(
            keep ? `edit cancelled; what you wrote is kept in ${file}` : `${nameOf(current)} unchanged`,
          );
          return keep ? EXIT.failed : EXIT.done;
        }
        submitted = edited;
        try {
          const object = parse(edited, { maxAliasCount: 100 }) as KubeObject;
          if (object?.metadata?.name !== one.name || object.kind !== current.kind)
            throw new CliError('kind and name cannot be changed');
          const after = await client.update(one.resource, object, {
            fieldManager: 'nexus-edit',
            fieldValidation: 'Strict',
            signal: context.signal,
            onWarning: line => context.note(`warning: ${line}`),
          });
          context.print(
            `${nameOf(after)} ${after.metadata.resourceVersion === current.metadata.resourceVersion ? 'unchanged' : 'edited'}`,
          );
          return EXIT.done;
        } catch (error) {
          if (isApiError(error, 'Unreachable', 'Forbidden', 'Unauthorized', 'NotFound')) {
            keep = true;
            context.note(`what you wrote is kept in ${file}`);
            throw error;
          }
          const why = (error as Error).message
            .split('\n')
            .map(line => `# ${line}\n`)
            .join('');
          const conflict = isApiError(error, 'Conflict')
            ? '# Somebody changed it meanwhile; take over resourceVersion to overwrite that.\n'
            : '';
          text = `${HEADER}# Not accepted:\n${why}${conflict}#\n${edited}`;
        }
      }
    } finally {
      if (!keep) rmSync(folder, { recursive: true, force: true });
    }
  },
};

function openEditor(file: string, env: Record<string, string | undefined>): void {
  const editor = env.VISUAL || env.EDITOR || 'vi';
  // Through a shell, since people set `code --wait` and the like.
  const result = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], {
    stdio: 'inherit',
    env: env as NodeJS.ProcessEnv,
  });
  if (result.status !== 0)
    throw new CliError(
      `the editor (${editor}) ended with ${result.status ?? result.signal}; nothing was changed`,
      { next: 'set EDITOR to one that works' },
    );
}
