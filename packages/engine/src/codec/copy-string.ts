/** The longest substring that V8 copies. From one more on, it keeps a reference into the whole string it was cut from. */
const COPIED_SUBSTRING_LENGTH_MAX = 12

const halves: string[] = ['', '']

/**
 * The same text in memory of its own. A string read from a channel may be a slice of its whole batch's text and keep that alive;
 * whatever is kept beyond the invocation (state, timers, queues) is copied first.
 */
export function copyString(text: string): string {
  if (text.length <= COPIED_SUBSTRING_LENGTH_MAX) return text
  halves[0] = text.charAt(0)
  halves[1] = text.substring(1)
  // `join` writes its parts into one new flat string; `+` would build a rope that still refers to the batch.
  const copy = halves.join('')
  halves[1] = ''
  return copy
}
