import type { GitLogin } from './guest.ts';

export interface GivenCredentials {
  username?: string;
  password?: string;
  sshKey?: string;
}

/**
 * A repository's URL without a login, and what Git logs in with there: what was given, else what the URL of http holds.
 * Pure.
 */
export function splitLogin(url: string, given: GivenCredentials = {}): { url: string; login?: GitLogin } {
  const match = /^(https?|ssh|git):\/\//i.test(url) ? URL.parse(url) : null;
  const sshKey = given.sshKey ? { sshKey: withNewline(given.sshKey) } : {};
  if (!match?.protocol.startsWith('http')) {
    const hasPassword = Boolean(match?.password);
    if (match) match.password = '';
    return {
      url: match && hasPassword ? match.href : url,
      ...(given.sshKey && { login: { origin: '', username: '', password: '', ...sshKey } }),
    };
  }
  const inUrl = { username: decode(match.username), password: decode(match.password) };
  match.username = '';
  match.password = '';
  // A token alone in the place of the user name is what forges document as well.
  const password = given.password ?? (inUrl.password || inUrl.username || undefined);
  const username = given.username ?? (inUrl.username || 'git');
  const origin = password === undefined ? '' : match.origin;
  if (origin === '' && !given.sshKey) return { url: match.href };
  return { url: match.href, login: { origin, username, password: oneLine(password ?? ''), ...sshKey } };
}

/** Pastes and files often bring a line break along; none can be part of a password. */
const oneLine = (text: string) => text.replace(/[\r\n]+$/, '');

const withNewline = (text: string) => (text.endsWith('\n') ? text : `${text}\n`);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
