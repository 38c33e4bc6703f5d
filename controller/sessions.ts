import { GROUP_USERS } from '../crds/names.ts';
import { EXTRA_LOGIN } from './apiserver/auth/login-holds.ts';
import type { Tokens } from './apiserver/auth/tokens.ts';
import type { Clock, Milliseconds } from './kit/clock.ts';
import type { Sessions } from './rest/login/sessions.ts';

const LOGIN = 'login';
/** Of one user at once: what is over that ends the oldest. */
const MAX_SESSIONS = 50;

/** Logins as tokens of the embedded API server. */
export function createSessions(
  tokens: Tokens,
  { authority, ttlMs, clock }: { authority: string; ttlMs: Milliseconds; clock: Clock },
): Sessions {
  return {
    authority,
    async create({ name, uid }, proof) {
      await tokens.sweep();
      const own = tokens.list().filter(({ user, description }) => user === name && description === LOGIN);
      own.sort((a, b) => (a.created ?? '').localeCompare(b.created ?? ''));
      for (const { id } of own.slice(0, Math.max(0, own.length + 1 - MAX_SESSIONS))) await tokens.revoke(id);
      const { token } = await tokens.create({
        user: name,
        uid,
        groups: [GROUP_USERS],
        extra: { [EXTRA_LOGIN]: [proof] },
        description: LOGIN,
        ttlMs,
      });
      return { token, expires: clock.now() + ttlMs };
    },
    async revoke(token) {
      const isLogin = tokens.verify(token)?.extra?.[EXTRA_LOGIN] !== undefined;
      return isLogin && tokens.revokeToken(token);
    },
  };
}
