/** The end of a test run's output: the files that took longest, and each assertion that failed, with its diagnosis. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const LONGEST_FILES = 12;
/** Of one failure's diagnosis: what a person reads. */
const MAX_DIAGNOSIS_LINES = 60;

interface Failure {
  file: string;
  indent: number;
  lines: string[];
}

interface FileTime {
  file: string;
  seconds: number;
}

const indentOf = (line: string) => line.length - line.trimStart().length;

/** Reads raw TAP version 14, in which the runner's own tests are the files. What failed only by its parts is left out. */
function readTap(text: string): { failures: Failure[]; times: FileTime[] } {
  const failures: Failure[] = [];
  const times: FileTime[] = [];
  const lines = text.split('\n');
  let file = '';
  for (const [at, line] of lines.entries()) {
    const subtest = /^# Subtest: (.*)$/.exec(line);
    if (subtest) file = subtest[1]!;
    const ended = /^(?:not )?ok \d+ - (.*?) # time=([\d.]+)ms/.exec(line);
    if (ended) times.push({ file: ended[1]!, seconds: Number(ended[2]) / 1000 });
    // One marked "todo" or "skip" fails nothing.
    if (!/^ *not ok /.test(line) || / # (?:todo|skip)\b/i.test(line)) continue;
    const indent = indentOf(line);
    const last = failures.at(-1);
    if (last?.file === file && last.indent > indent) {
      last.indent = indent;
      continue;
    }
    const failure: Failure = { file, indent, lines: [line.trim()] };
    const hasDiagnosis = lines[at + 1]?.trim() === '---';
    for (let next = at + 1; hasDiagnosis && next < lines.length; next++) {
      failure.lines.push(lines[next]!.slice(indent));
      if (lines[next]!.trim() === '...' && indentOf(lines[next]!) <= indent + 2) break;
    }
    failures.push(failure);
  }
  return { failures, times };
}

const { positionals } = parseArgs({ allowPositionals: true });
const { failures, times } = readTap(readFileSync(positionals[0]!, 'utf8'));
const longest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, LONGEST_FILES);
console.log(
  `${times.length} files; the longest: ${longest.map(t => `${t.file} ${t.seconds.toFixed(0)} s`).join(', ')}`,
);
for (const { file, lines } of failures) {
  console.log(`\nFAILED in ${file}`);
  for (const line of lines.slice(0, MAX_DIAGNOSIS_LINES)) console.log(`  ${line}`);
  if (lines.length > MAX_DIAGNOSIS_LINES)
    console.log(`  (${lines.length - MAX_DIAGNOSIS_LINES} lines more above)`);
}
if (failures.length > 0)
  console.log(`\n${failures.length} failed: ${[...new Set(failures.map(f => f.file))].join(', ')}`);
