import { basename } from 'node:path';
import type { Command, Flags } from '../command.ts';
import { COMPLETIONS } from '../complete.ts';
import { EXIT } from '../errors.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** Each asks the program that is completed, wherever it is, and goes on with files where that has nothing to say. */
const SCRIPTS: Record<Shell, string> = {
  bash: `# nexus completion for bash: source <(nexus completion bash)
_nexus() {
  local cur=\${COMP_WORDS[COMP_CWORD]} found
  found=$("\${COMP_WORDS[0]}" ${COMPLETIONS} "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
  mapfile -t COMPREPLY < <(compgen -W "$found" -- "$cur")
}
complete -o bashdefault -o default -F _nexus nexus`,
  zsh: `#compdef nexus
# nexus completion for zsh: source <(nexus completion zsh), or this text as a file _nexus in a folder of $fpath
_nexus() {
  local -a found
  found=("\${(@f)$("\${(Q)words[1]}" ${COMPLETIONS} "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
  found=(\${found:#})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
if [[ \${funcstack[1]} == _nexus ]]; then
  _nexus "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _nexus nexus
fi`,
  fish: `# nexus completion for fish: nexus completion fish | source
function __nexus_complete
  set -l words (commandline -opc) (commandline -ct)
  command $words[1] ${COMPLETIONS} $words 2>/dev/null
end
complete -c nexus -a '(__nexus_complete)'`,
};

export const completion: Command = {
  usage: 'completion [shell]',
  describe: 'Print what makes a shell complete commands, kinds and names: source <(nexus completion)',
  examples: [
    ['source <(nexus completion bash)', 'in ~/.bashrc'],
    ['source <(nexus completion zsh)', 'in ~/.zshrc'],
    ['nexus completion fish | source', 'in ~/.config/fish/config.fish'],
  ],
  build: yargs =>
    yargs.positional('shell', {
      type: 'string',
      choices: SHELLS,
      describe: 'Your login shell when nobody says',
    }),
  async run(raw, { io, print }) {
    const { shell } = raw as Flags & { shell?: Shell };
    const login = basename(io.env.SHELL ?? '');
    print(SCRIPTS[shell ?? SHELLS.find(name => name === login) ?? 'bash']);
    return EXIT.done;
  },
};
