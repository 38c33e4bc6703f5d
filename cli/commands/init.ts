import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { CONFIG_PATH } from '../../controller/repo-config/config-schema.ts';
import { detectConfig } from '../../controller/repo-config/detect.ts';
import type { RepositoryFiles } from '../../controller/repo-config/detected.ts';
import type { Command, Flags } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';

interface InitFlags extends Flags {
  dir: string;
  force: boolean;
  print: boolean;
}

const MAX_BYTES = 1024 * 1024;

export const init: Command = {
  usage: 'init [dir]',
  describe: `Write a ${CONFIG_PATH} that fits the repository at hand`,
  examples: [
    ['nexus init', 'for the repository in this folder'],
    ['nexus init --print', 'show it only'],
  ],
  build: yargs =>
    yargs
      .positional('dir', { type: 'string', default: '.', describe: 'Folder of the repository' })
      .option('force', { type: 'boolean', default: false, describe: 'Replace the one that is there' })
      .option('print', { type: 'boolean', default: false, describe: 'Print it and write nothing' }),
  async run(raw, context) {
    const { dir, force, print } = raw as InitFlags;
    const root = resolve(context.io.cwd, dir);
    if (!existsSync(root) || !statSync(root).isDirectory())
      throw new CliError(`${dir} is no folder`, { exitCode: EXIT.usage });
    const { text, reasons } = detectConfig(filesOf(root), nameOf(root));
    for (const reason of reasons) context.note(reason);
    if (print) {
      context.print(text.trimEnd());
      return EXIT.done;
    }
    const file = join(root, CONFIG_PATH);
    const shown = relative(context.io.cwd, file);
    mkdirSync(join(root, '.nexus'), { recursive: true });
    try {
      writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      throw new CliError(`${shown} is there already`, {
        exitCode: EXIT.conflict,
        next: '`nexus init --force` replaces it, `nexus init --print` shows what would be written',
        cause,
      });
    }
    context.print(`${shown} written; look it over, then commit it`);
    return EXIT.done;
  },
};

function filesOf(root: string): RepositoryFiles {
  return {
    has: path => existsSync(join(root, path)),
    read(path) {
      try {
        const file = join(root, path);
        const stats = statSync(file);
        return stats.isFile() && stats.size <= MAX_BYTES ? readFileSync(file, 'utf8') : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

/** The folder's name where it can be a workspace's. */
function nameOf(root: string): string | undefined {
  const name = basename(root)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return name || undefined;
}
