import { DriverError } from '../driver.ts';

/** What bears a name of ours and is not this node's; `owner`: the node whose label it has. */
export function notOurs(kind: string, name: string, owner: string | undefined): DriverError {
  const article = /^[aeiou]/.test(kind) ? 'an' : 'a';
  return new DriverError(
    'Invalid',
    owner === undefined
      ? `${article} ${kind} named ${name} is there that does not belong to this node; rename or remove it`
      : `the ${kind} ${name} is there and belongs to node ${owner}: of nodes that share an engine none takes a workspace of another; remove it once its files are not needed, or give this node an engine of its own`,
  );
}
