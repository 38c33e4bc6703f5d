/** How a secret may be written: as it is, and in base64 wherever it begins. */
export function formsOf(secret: string): string[] {
  const encoded = [0, 1, 2].map(shift => {
    const text = Buffer.from(`${'x'.repeat(shift)}${secret}`).toString('base64');
    // What depends on what is before and after.
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [secret, ...encoded];
}

export const holds = (text: string, secret: string): boolean =>
  formsOf(secret).some(form => text.includes(form));
