import { createReadStream, createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { isApiError } from '../../controller/kit/errors.ts';
import { askYes, canAsk } from '../ask.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT, usageError } from '../errors.ts';

const size = (bytes: number) =>
  bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

export const backup: Command = {
  usage: 'backup <file>',
  describe: "Write a copy of the server's database while it runs; whole or not at all",
  examples: [
    [
      'nexus backup nexus-$(date +%F).db',
      'a SQLite file that holds every object, secrets and tokens included',
    ],
  ],
  build: yargs =>
    yargs
      .positional('file', { type: 'string', demandOption: true, describe: 'Where to' })
      .option('force', { type: 'boolean', default: false, describe: 'Overwrite a file that is there' }),
  async run(raw, context) {
    const { file, force } = raw as Flags & { file: string; force: boolean };
    if (existsSync(file) && !force)
      throw new CliError(`${file} is there already`, {
        exitCode: EXIT.conflict,
        next: 'name another, or overwrite it with --force',
      });
    const client = await context.client();
    const temporary = `${file}.${process.pid}.part`;
    try {
      const { headers, body } = await client.stream('GET', '/nexus/v1/backup', { signal: context.signal });
      await pipeline(body, createWriteStream(temporary, { mode: 0o600 }));
      const bytes = statSync(temporary).size;
      if (String(bytes) !== headers['content-length'])
        throw new CliError('the server broke off; nothing was written', { exitCode: EXIT.unreachable });
      const handle = await open(temporary, 'r+');
      await handle.sync();
      await handle.close();
      renameSync(temporary, file);
      context.print(`${file}: ${size(bytes)}, revision ${headers['x-nexus-revision']}`);
      return EXIT.done;
    } finally {
      rmSync(temporary, { force: true });
    }
  },
};

const LOSS = 'workspaces made since the backup are removed with their volumes, changes since are undone';

export const restore: Command = {
  usage: 'restore <file>',
  describe: "Make the server's content that of a backup, while it runs; every client sees it happen",
  examples: [['nexus restore nexus.db --yes', 'workspaces made since the backup are removed']],
  build: yargs =>
    yargs
      .positional('file', { type: 'string', demandOption: true, describe: 'What `nexus backup` wrote' })
      .option('yes', {
        alias: 'y',
        type: 'boolean',
        default: false,
        describe: 'Really: what was made since is gone',
      }),
  async run(raw, context) {
    const { file, yes } = raw as Flags & { file: string; yes: boolean };
    if (!existsSync(file)) throw usageError(`cannot read ${file}: there is no such file`);
    if (!yes && !canAsk(context)) throw usageError(LOSS, `nexus restore ${file} --yes`);
    if (!yes && !(await askYes(context, `${LOSS}. Go on?`))) throw new CliError('nothing was restored');
    const client = await context.client();
    const sent = client.stream('POST', '/nexus/v1/restore', {
      body: createReadStream(file),
      headers: { 'content-type': 'application/vnd.sqlite3' },
      signal: context.signal,
    });
    const { body } = await sent.catch(error => {
      if (!isApiError(error, 'BadRequest')) throw error;
      throw new CliError(`${file} cannot be restored: ${error.message}`, { cause: error });
    });
    let text = '';
    for await (const chunk of body) text += chunk.toString();
    const { revision, changed } = JSON.parse(text) as { revision: number; changed: number };
    context.print(`restored ${file}: ${changed} objects changed, revision ${revision}`);
    return EXIT.done;
  },
};
