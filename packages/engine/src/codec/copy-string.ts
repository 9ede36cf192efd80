/** The longest substring that V8 copies. From one more on, it keeps a reference into the whole string it was cut from. */
const COPIED_SUBSTRING_LENGTH_MAX = 12

/**
 * The same text in memory of its own. A string read from a channel may be a slice of its whole batch's text and keep that alive;
 * whatever is kept beyond the invocation (state, timers, queues) is copied first.
 */
export function copyString(text: string): string {
  if (text.length <= COPIED_SUBSTRING_LENGTH_MAX) return text
  const first = text.charAt(0)
  const rope = first + text.substring(1)
  // To be searched, a rope is written out flat, into memory of its own, and lets go of its parts. What is searched for is its first character.
  return rope.indexOf(first) === 0 ? rope : text
}
