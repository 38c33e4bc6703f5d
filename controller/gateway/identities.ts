import type { KubeObject } from '../../crds/object.ts';
import type { Node, User } from '../../crds/types.generated.ts';
import { sshFingerprint } from '../kit/ssh-public-key.ts';
import type { Informer } from '../runtime/reconciler.ts';

/** Who is at the other end of a connection: a person, or a node's agent. */
export interface Peer {
  kind: 'user' | 'node';
  /** Of the User or Node. */
  name: string;
  /** The public key that was shown, in base64 without its type. */
  key: string;
}

export interface Identities {
  /** Everybody to whom a key belongs. */
  find(key: string): Peer[];
  /** Whether the peer may still be who it is. */
  holds(peer: Peer): boolean;
  /** The namespace of a user's own workspaces. */
  namespaceOf(user: string): string;
  /** Called when a user or node lost a key, was suspended or removed. Returns an unsubscribe. */
  onLoss(handler: (who: { kind: Peer['kind']; name: string }) => void): () => void;
}

const INDEX = 'ssh-key';

/** The middle of `ssh-ed25519 AAAA… comment`. */
const blobOf = (line: string): string => line.trim().split(/\s+/)[1] ?? '';

/** Of a Node, the agent's keys. */
export const nodeKeys = ({ spec }: Node): string[] => (spec?.agentKeys ?? []).map(blobOf);

/** Of a User, the keys that may log in: once the controller has looked, those that it found good and nobody else's. */
export function userKeys({ spec, status }: User): string[] {
  if (spec.suspended) return [];
  const keys = (spec.sshKeys ?? []).map(({ key }) => blobOf(key));
  if (status?.observedGeneration === undefined) return keys;
  const good = new Set(status.sshKeys?.map(({ fingerprint }) => fingerprint));
  return keys.filter(key => good.has(sshFingerprint(Buffer.from(key, 'base64'))));
}

/** Who is who, by the keys of Users and Nodes. The informers must not be running yet. */
export function createIdentities(informers: { users: Informer<User>; nodes: Informer<Node> }): Identities {
  const { users, nodes } = informers;
  users.addIndex(INDEX, userKeys);
  nodes.addIndex(INDEX, nodeKeys);
  const follow = <T extends KubeObject>(
    informer: Informer<T>,
    keysOf: (object: T) => string[],
    lost: (name: string) => void,
  ) =>
    informer.onChange(({ old, now }) => {
      if (!old) return;
      const left = now ? keysOf(now) : [];
      if (keysOf(old).some(key => !left.includes(key))) lost(old.metadata.name);
    });
  return {
    find: key => [
      ...users.byIndex(INDEX, key).map(({ metadata }): Peer => ({ kind: 'user', name: metadata.name, key })),
      ...nodes.byIndex(INDEX, key).map(({ metadata }): Peer => ({ kind: 'node', name: metadata.name, key })),
    ],
    holds({ kind, name, key }) {
      if (kind === 'node') {
        const node = nodes.get(name);
        return node !== undefined && nodeKeys(node).includes(key);
      }
      const user = users.get(name);
      return user !== undefined && userKeys(user).includes(key);
    },
    namespaceOf: user => users.get(user)?.status?.namespace ?? user,
    onLoss(handler) {
      const stops = [
        follow(users, userKeys, name => handler({ kind: 'user', name })),
        follow(nodes, nodeKeys, name => handler({ kind: 'node', name })),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
