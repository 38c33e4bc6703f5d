import { bareSshKey } from '../../controller/kit/ssh-public-key.ts';
import type { CommandContext } from '../command.ts';
import { CliError, EXIT } from '../errors.ts';
import { lastLine } from '../remote/remote.ts';
import type { PersonKey } from '../ssh/person-keys.ts';
import { type GitHub, missingScope } from './access.ts';
import { messageOf } from './answer.ts';

const PER_PAGE = 100;
const MAX_PAGES = 20;
const WHAT = 'uploading an SSH key';
const SCOPE = 'admin:public_key';

/**
 * Makes the key one of the account's: by `gh ssh-key add` where there is gh. Resolves with whether it was not one yet.
 * Throws CliError noAccess without the scope, conflict for a key of another account.
 */
export async function uploadKey(
  github: GitHub,
  { key, title, file }: { key: PersonKey; title: string; file: string },
  context: CommandContext,
): Promise<boolean> {
  if (await hasKey(github, key)) return false;
  const problem = await add(github, { key, title, file });
  // Some versions of gh take a key of any account for success.
  if (await hasKey(github, key)) return true;
  context.verbose(`${github.host}: ${problem}`);
  if (problem === '' || /already in use/i.test(problem))
    throw new CliError(`the key ${key.fingerprint} is on another account of ${github.host}`, {
      exitCode: EXIT.conflict,
      next: 'make one for this account: nexus ssh setup --new --key ~/.ssh/id_nexus',
    });
  if (/scope|not found/i.test(problem)) throw missingScope(github, WHAT, SCOPE);
  throw new CliError(`${github.host} does not take the key: ${problem}`, { next: 'nexus auth status' });
}

async function hasKey(github: GitHub, key: PersonKey): Promise<boolean> {
  for (let page = 1; page <= MAX_PAGES; page++) {
    const answer = await github.request('GET', `/user/keys?per_page=${PER_PAGE}&page=${page}`);
    // Of a token without the scope GitHub says no more than that.
    if (answer.status === 404 || answer.status === 403) throw missingScope(github, WHAT, SCOPE);
    if (answer.status !== 200)
      throw new CliError(`${github.host} does not tell the account's SSH keys: ${messageOf(answer)}`);
    const keys = answer.body as { key: string }[];
    if (keys.some(one => bareSshKey(one.key) === key.key)) return true;
    if (keys.length < PER_PAGE) break;
  }
  return false;
}

/** What was said against it; empty: nothing. */
async function add(
  github: GitHub,
  { key, title, file }: { key: PersonKey; title: string; file: string },
): Promise<string> {
  if (github.gh && github.source.kind !== 'kept') {
    const { code, stderr } = await github.gh.run(['ssh-key', 'add', file, '--title', title]);
    return code === 0 ? '' : stderr.trim().replaceAll('\n', '; ') || lastLine(stderr);
  }
  const answer = await github.request('POST', '/user/keys', { title, key: key.line });
  const { errors = [] } = (answer.body ?? {}) as { errors?: { message?: string }[] };
  return answer.status < 300 ? '' : `${messageOf(answer)} ${errors.map(({ message }) => message).join('; ')}`;
}
