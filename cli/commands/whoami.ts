import { certificateFingerprint } from '../../controller/kit/login-proof.ts';
import type { Command } from '../command.ts';
import { EXIT } from '../errors.ts';
import { whoAmI } from '../login/as-caller.ts';
import { readLogin } from '../login/token.ts';

const HOW = { ssh: 'an SSH key', github: 'GitHub' } as const;

export const whoami: Command = {
  usage: 'whoami',
  describe: 'Who you are at the server, by what, and how others know that server',
  build: yargs => yargs,
  async run(_flags, context) {
    const { server, ca, login, context: name } = await context.connection();
    const { name: username, groups } = await whoAmI(context);
    const kept = login === undefined ? undefined : await readLogin(context.home, login);
    const by = kept ? HOW[kept.proof.kind] : 'a credential in the kubeconfig';
    context.print(`user         ${username}`);
    context.print(`groups       ${groups.join(', ')}`);
    context.print(`namespace    ${await context.namespace()}`);
    context.print(`server       ${server} (context ${name})`);
    if (ca) context.print(`fingerprint  ${certificateFingerprint(ca)}`);
    context.print(`logged in    by ${by}${kept ? `; the token is renewed at ${kept.renewAt}` : ''}`);
    return EXIT.done;
  },
};
