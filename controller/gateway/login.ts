import type { AuthContext, AuthenticationType, Connection } from 'ssh2';
import type { KeptToken } from '../kit/join-token.ts';
import { sshFingerprint } from '../kit/ssh-public-key.ts';
import { JOIN_USER } from '../kit/uplink-protocol.ts';
import { judgeKey } from './authenticate.ts';
import type { Identities, Peer } from './identities.ts';

/** A machine that showed a join token instead of a key. */
export interface Joiner {
  kind: 'join';
  token: KeptToken;
}

export interface LoginDeps {
  identities: Identities;
  /** The join token that a password belongs to. */
  findToken: (password: string) => Promise<KeptToken | undefined>;
  onRefused: (attempt: { user: string; method: string; why: string; fingerprint?: string }) => void;
}

/** People carry many keys, and ssh offers all of them. */
const MAX_OFFERS = 24;
const MAX_PASSWORDS = 3;

/** Resolves with who logged in, once they have. Calls `onRefused` for each attempt that failed. */
export function login(connection: Connection, deps: LoginDeps): Promise<Peer | Joiner> {
  const { identities, findToken, onRefused } = deps;
  let offers = 0;
  let passwords = 0;
  let accepted: Peer | Joiner | undefined;
  return new Promise(resolve => {
    const refuse = (context: AuthContext, why: string, fingerprint?: string) => {
      const { username: user, method } = context;
      onRefused({ user, method, why, ...(fingerprint && { fingerprint }) });
      if (offers >= MAX_OFFERS || passwords >= MAX_PASSWORDS) connection.end();
      else context.reject(methods(context));
    };
    const methods = ({ username }: AuthContext): AuthenticationType[] =>
      username === JOIN_USER ? ['publickey', 'password'] : ['publickey'];
    connection.on('authentication', async context => {
      if (context.method === 'publickey') {
        const verdict = judgeKey(context, identities);
        if (verdict.kind === 'offered') return context.accept();
        if (verdict.kind === 'refused') {
          offers++;
          return refuse(context, verdict.why, sshFingerprint(context.key.data));
        }
        accepted = verdict.peer;
        return context.accept();
      }
      if (context.method === 'password' && context.username === JOIN_USER) {
        passwords++;
        const token = await findToken(context.password).catch(() => undefined);
        if (token === undefined) return refuse(context, 'BadToken');
        accepted = { kind: 'join', token };
        return context.accept();
      }
      // Every client begins with `none`, to hear what there is.
      if (context.method === 'none') return context.reject(methods(context));
      offers++;
      refuse(context, 'BadMethod');
    });
    connection.once('ready', () => {
      if (accepted) resolve(accepted);
    });
  });
}
