/** Exits 1 when fewer lines than this were run by the tests. */
import { readFileSync } from 'node:fs';

const MINIMUM_PERCENT = 90;
const file = new URL('../../.tap/report/coverage-summary.json', import.meta.url);
const summary = JSON.parse(readFileSync(file, 'utf8')) as Record<
  string,
  { lines: { pct: number; total: number; covered: number } }
>;
const { pct, total, covered } = summary.total!.lines;
console.log(`line coverage: ${pct} % (${covered} of ${total})`);
if (pct < MINIMUM_PERCENT) {
  const cwd = `${process.cwd()}/`;
  const worst = Object.entries(summary)
    .filter(([name]) => name !== 'total')
    .map(([name, s]) => ({
      name: name.replace(cwd, ''),
      missing: s.lines.total - s.lines.covered,
      pct: s.lines.pct,
    }))
    .sort((a, b) => b.missing - a.missing)
    .slice(0, 15);
  for (const row of worst) console.log(`  ${row.name}: ${row.missing} lines not run (${row.pct} %)`);
  console.log(`needs ${MINIMUM_PERCENT} %`);
  process.exit(1);
}
