/** A flag with a value, for `parseArgs`. */
export function textOption(defaultText: string): { readonly type: 'string'; readonly default: string } {
  return { type: 'string', default: defaultText }
}

export const switchOption = { type: 'boolean', default: false } as const

/** @throws with the usage, if the text is none */
export function wholeNumber(flag: string, text: string, least: number, usage: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < least) {
    throw new Error(`${flag} must be a whole number, at least ${least}\n\n${usage}`)
  }
  return value
}

/** Different each time, and short enough to be typed. */
export function someSeed(): string {
  return String(Date.now() % 1_000_000)
}
