import type { Command, Flags } from '../command.ts';
import { EXIT } from '../errors.ts';
import { findGh } from '../github/gh.ts';
import { githubHost } from '../github/host.ts';
import { dropKeptToken } from '../github/kept-token.ts';

export const logout: Command = {
  usage: 'logout',
  describe: 'Forget the token of GitHub that is kept here; what gh keeps stays with gh',
  build: yargs => yargs.option('host', { type: 'string', describe: 'The host (GH_HOST)' }),
  async run(flags, context) {
    const host = githubHost(context, (flags as Flags & { host?: string }).host);
    const had = await dropKeptToken(context.home, host);
    context.print(
      had ? `${host}: the token that was kept here is removed` : `${host}: no token is kept here`,
    );
    const gh = await findGh(context, host);
    if (await gh?.token())
      context.note(`gh is still logged in; that ends with: gh auth logout --hostname ${host}`);
    return EXIT.done;
  },
};
