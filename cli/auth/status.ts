import type { Command, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { openGitHub, toldSource } from '../github/access.ts';

export const status: Command = {
  usage: 'status',
  describe: 'Who is logged in on GitHub, by which token, with which scopes',
  build: yargs => yargs.option('host', { type: 'string', describe: 'The host to ask (GH_HOST)' }),
  async run(flags, context) {
    const github = await openGitHub(context, (flags as Flags & { host?: string }).host);
    const { login, scopes } = await github.user();
    context.print(`host    ${github.host}`);
    context.print(`user    ${login}`);
    context.print(`token   the one ${toldSource(github.source)}`);
    context.print(`scopes  ${scopes?.join(', ') ?? 'not told (a fine-grained token)'}`);
    context.print(`gh      ${github.gh?.version ?? 'not installed'}`);
    return EXIT.done;
  },
};
