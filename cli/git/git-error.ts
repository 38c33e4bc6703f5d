import { CliError, EXIT } from '../errors.ts';

export type GitFailure = 'NoAccess' | 'NotFound' | 'RefNotFound' | 'Untrusted' | 'Unreachable' | 'Failed';

/** What git says, in English, of each kind of failure; the first that fits. */
const SAID: [GitFailure, RegExp][] = [
  [
    'Untrusted',
    /certificate verification failed|SSL certificate problem|Host key verification failed|unable to get local issuer/i,
  ],
  [
    'NoAccess',
    /Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]|Access denied|terminal prompts disabled/i,
  ],
  ['RefNotFound', /couldn't find remote ref|not our ref|no such remote ref|unadvertised object/i],
  [
    'NotFound',
    /repository .*not found|Repository not found|returned error: 404|does not appear to be a git repository|no such file or directory|does not exist|repository not exported|access denied or repository not exported/i,
  ],
  [
    'Unreachable',
    /could(n't| not) (resolve|connect)|not resolve hostname|connection (refused|reset|closed|timed out)|timed out|unreachable|no route to host|unable to (connect|look up)|failed to connect|early EOF|hung up|recv error|RPC failed|unexpected eof|too slow|returned error: 5|empty reply/i,
  ],
];

/** What kind of failure git tells of. */
export function failureIn(stderr: string): GitFailure {
  return SAID.find(([, pattern]) => pattern.test(stderr))?.[0] ?? 'Failed';
}

/** git failed: `failure` says how, the message what it said itself. */
export class GitError extends Error {
  readonly failure: GitFailure;
  constructor(stderr: string) {
    super(lastWords(stderr));
    this.name = 'GitError';
    this.failure = failureIn(stderr);
  }
}

/** The line that says why, without credentials of URLs. */
function lastWords(stderr: string): string {
  const lines = stderr
    .replaceAll(/([a-z+]+:\/\/)[^/@\s]*@/g, '$1')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '');
  const said = lines.find(line => /^(fatal|error|remote): /.test(line)) ?? lines.at(-1);
  return said?.replace(/^(fatal|error|remote): /, '') ?? 'git said nothing';
}

/** A failure to read the repository at `url`, for people: exit code, sentence, next step. */
export function describeGitFailure(url: string, error: GitError): CliError {
  const host = /^[a-z+]+:\/\/(?:[^/@]*@)?([^/]+)/.exec(url)?.[1] ?? /@([^:]+):/.exec(url)?.[1] ?? url;
  const told = (exitCode: CliError['exitCode'], message: string, next: string) =>
    new CliError(message, { exitCode, next, cause: error });
  switch (error.failure) {
    case 'NoAccess':
      return told(
        EXIT.noAccess,
        `${url} cannot be read without a login, or it does not exist (${error.message})`,
        'check the spelling; for a private one, git itself must be able to read it: `git ls-remote ' +
          `${url}\``,
      );
    case 'NotFound':
      return told(
        EXIT.notFound,
        `there is no repository ${url}, or it is private (${error.message})`,
        'check owner and name',
      );
    case 'RefNotFound':
      return told(EXIT.notFound, `${url}: ${error.message}`, `git ls-remote ${url}`);
    case 'Untrusted':
      return told(
        EXIT.unreachable,
        `${host} is not trusted: ${error.message}`,
        `for an authority of your own: git config --global http.https://${host}/.sslCAInfo FILE`,
      );
    case 'Unreachable':
      return told(
        EXIT.unreachable,
        `${host} cannot be reached: ${error.message}`,
        'check the network, then type the same again',
      );
    default:
      return told(EXIT.failed, `${url} cannot be read: ${error.message}`, `git ls-remote ${url}`);
  }
}
