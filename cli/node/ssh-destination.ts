import { ANNOTATION_SSH_DESTINATION } from '../../crds/names.ts';
import type { Node } from '../../crds/types.generated.ts';
import type { RemoteTarget } from '../remote/remote.ts';

/** As a Node keeps it: `user@host`, and the port after a space where one was given. */
export function formatDestination({ destination, port }: RemoteTarget): string {
  return port === undefined ? destination : `${destination} ${port}`;
}

/** How an admin reached the machine when it was added; undefined: it came another way. */
export function destinationOf({ metadata }: Pick<Node, 'metadata'>): RemoteTarget | undefined {
  const [destination, port] = (metadata.annotations?.[ANNOTATION_SSH_DESTINATION] ?? '').split(' ');
  if (!destination) return undefined;
  return { destination, ...(port && /^\d+$/.test(port) && { port: Number(port) }) };
}
