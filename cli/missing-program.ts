import { CliError } from './errors.ts';

/** Why a program could not be started. */
export function missingProgram(program: string, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT') return error;
  const next = `on Debian: apt-get install ${program === 'gh' ? 'gh' : 'openssh-client'}`;
  return new CliError(`${program} is not installed`, { next, cause: error });
}
