import { isApiError } from '../../controller/kit/errors.ts';
import { USER } from '../../crds/kinds.ts';
import type { User } from '../../crds/types.generated.ts';
import type { CommandContext } from '../command.ts';
import { findKeys } from './person-keys.ts';

/**
 * What makes the gateway let somebody in, where no User has a key of theirs: who holds a credential of the server's own
 * machine needs none for its API. Undefined: somebody has, or nobody may know.
 */
export async function wayIn(context: CommandContext): Promise<string | undefined> {
  const keys = await findKeys(context);
  let users: User[];
  try {
    users = (await (await context.client()).list(USER, { signal: context.signal })).items;
  } catch (error) {
    if (isApiError(error)) return undefined;
    throw error;
  }
  const known = users.flatMap(({ spec }) => spec.sshKeys?.map(({ key }) => key) ?? []);
  if (keys.some(({ key }) => known.some(one => one.startsWith(key)))) return undefined;
  const file = keys.find(one => one.file)?.file;
  return `the gateway lets in whoever has a key of a User, and none has yours: nexus user add NAME --role admin --key ${file ? `${file}.pub` : 'FILE'}`;
}
