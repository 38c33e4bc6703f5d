import type { CommandContext } from '../command.ts';
import { fitLine, safeLines } from './style.ts';

/** Lines on a terminal that are drawn over by the next ones. */
export interface Picture {
  show(lines: string[]): void;
}

/** The least that is taken for a terminal whose size nobody tells. */
const SIZE = { columns: 80, rows: 24 };

/** What does not fit is cut: lines that wrap or scroll could not be drawn over. */
export function createPicture({ io }: Pick<CommandContext, 'io'>): Picture {
  let drawn = 0;
  return {
    show(lines) {
      const { columns = SIZE.columns, rows = SIZE.rows } = io.stdout;
      const shown = lines.slice(0, Math.max(1, rows - 1)).map(line => fitLine(safeLines(line), columns));
      const up = drawn > 0 ? `\u001b[${drawn}A` : '';
      io.stdout.write(`${up}\u001b[J${shown.join('\n')}\n`);
      drawn = shown.length;
    },
  };
}
