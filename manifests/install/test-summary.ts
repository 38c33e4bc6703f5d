/** The end of a test run's output: the files that took longest, and each assertion that failed, with its diagnosis. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const LONGEST_FILES = 12;
/** Of one failure's diagnosis: what a person reads. */
const MAX_DIAGNOSIS_LINES = 60;
/** By how much what is in a test is indented. */
const INDENT = 4;
const TIMED_OUT = /^not ok \d+ - timeout!/;

interface Failure {
  file: string;
  /** Names of the tests it is in, from the outermost. */
  path: string[];
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
  /** The file, and the tests in it that have begun and not ended. */
  let names: string[] = [];
  let lastEnded: string[] = [];
  for (const [at, line] of lines.entries()) {
    const indent = indentOf(line);
    const depth = indent / INDENT;
    const begun = /^ *# Subtest: (.*)$/.exec(line);
    if (begun) names = [...names.slice(0, depth), begun[1]!];
    if (begun && depth === 0) lastEnded = [];
    const ended = /^ *(?:not )?ok \d+ - (.*?) # time=([\d.]+)ms/.exec(line);
    if (ended && indent > 0) lastEnded = [...names.slice(1, depth), ended[1]!];
    else if (ended) times.push({ file: ended[1]!, seconds: Number(ended[2]) / 1000 });
    // One marked "todo" or "skip" fails nothing.
    if (!/^ *not ok /.test(line) || / # (?:todo|skip)\b/i.test(line)) continue;
    const failed = [line.trim(), ...diagnosisOf(lines, at, indent)];
    const file = indent > 0 ? (names[0] ?? '') : fileOf(failed);
    const last = failures.at(-1);
    if (last?.file === file && last.indent > indent) {
      last.indent = indent;
      continue;
    }
    // By the runner, of a file that has told so itself.
    if (indent === 0 && TIMED_OUT.test(failed[0]!) && failures.some(f => f.file === file && timedOut(f)))
      continue;
    if (indent === 0 && file === names[0] && lastEnded.length > 0)
      failed.push(`the last test that came to its end: ${lastEnded.join(' > ')}`);
    failures.push({ file, path: names.slice(1, depth), indent, lines: failed });
  }
  return { failures, times };
}

function diagnosisOf(lines: string[], at: number, indent: number): string[] {
  const found: string[] = [];
  const hasDiagnosis = lines[at + 1]?.trim() === '---';
  for (let next = at + 1; hasDiagnosis && next < lines.length; next++) {
    found.push(lines[next]!.slice(indent));
    if (lines[next]!.trim() === '...' && indentOf(lines[next]!) <= indent + 2) break;
  }
  return found;
}

/** Of a result of the runner's own: one that it gives for a file's time has the file in its diagnosis only. */
function fileOf(failed: string[]): string {
  const expired = failed.map(line => /^ *expired: (.*)$/.exec(line)?.[1]).find(Boolean);
  return expired ?? failed[0]!.replace(/^not ok \d+ - /, '').replace(/ # time=.*$/, '');
}

function timedOut({ lines }: Failure): boolean {
  return TIMED_OUT.test(lines[0]!);
}

const { positionals } = parseArgs({ allowPositionals: true });
const { failures, times } = readTap(readFileSync(positionals[0]!, 'utf8'));
const longest = times.toSorted((a, b) => b.seconds - a.seconds).slice(0, LONGEST_FILES);
console.log(
  `${times.length} files; the longest: ${longest.map(t => `${t.file} ${t.seconds.toFixed(0)} s`).join(', ')}`,
);
for (const { file, path, lines } of failures) {
  console.log(`\nFAILED in ${file}${path.length > 0 ? `: ${path.join(' > ')}` : ''}`);
  for (const line of lines.slice(0, MAX_DIAGNOSIS_LINES)) console.log(`  ${line}`);
  if (lines.length > MAX_DIAGNOSIS_LINES)
    console.log(`  (${lines.length - MAX_DIAGNOSIS_LINES} lines more above)`);
}
if (failures.length > 0)
  console.log(`\n${failures.length} failed: ${[...new Set(failures.map(f => f.file))].join(', ')}`);
