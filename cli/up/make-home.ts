import { accessSync, constants } from 'node:fs';
import { makeFolder } from '../../controller/kit/make-folder.ts';
import { CliError } from '../errors.ts';
import { systemError } from '../system-errors.ts';

const NEXT =
  'name another folder, as in NEXUS_HOME=/srv/nexus, or put this one right (`ls -ld` tells whose it is)';

/** Makes the folder of an installation. Throws CliError when it cannot be one. */
export function makeHome(home: string): void {
  try {
    makeFolder(home);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'it is no folder' : (systemError(error)?.message ?? message);
    throw new CliError(`${home} cannot be the folder of an installation (NEXUS_HOME): ${why}`, {
      next: NEXT,
      cause: error,
    });
  }
}
