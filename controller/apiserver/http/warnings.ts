/** Of one warning, once there are many. */
const MAX_CHARS = 256;
/** Of all of them: clients refuse larger headers. */
const MAX_TOTAL_CHARS = 4096;

/** Collects warnings for the header of an answer, as many as fit there. `set` is given all of them so far. */
export function warnings(set: (values: readonly string[]) => void): (text: string) => void {
  const values: string[] = [];
  let total = 0;
  return text => {
    if (total > MAX_TOTAL_CHARS) return;
    const short = text.slice(0, MAX_CHARS).replace(/[^\x20-\x7e]/g, '?');
    total += short.length;
    if (total > MAX_TOTAL_CHARS) return;
    values.push(`299 - ${JSON.stringify(short)}`);
    set(values);
  };
}
