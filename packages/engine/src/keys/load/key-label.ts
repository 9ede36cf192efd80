/** Characters of a key that are shown. */
const SHOWN_CHARS = 48
/** Above it a number takes long to print. */
const SHOWN_BITS = 256

/**
 * A key as people are told: the JSON that `millrace state` takes for it and, of one that is too long for that, its beginning with its hash, which tells it from others that begin alike.
 * The text is one of its own: a part of the key would keep the batch that it came in.
 */
export function keyLabel(key: unknown, hash: number): string {
  const label = Array.isArray(key) ? tupleLabel(key) : atomLabel(key)
  return label ?? `${beginning(key)}… #${(hash >>> 0).toString(16).padStart(8, '0')}`
}

/** Undefined: it is too long. */
function atomLabel(atom: unknown): string | undefined {
  if (typeof atom === 'string') return atom.length > SHOWN_CHARS ? undefined : JSON.stringify(atom)
  if (typeof atom === 'bigint') return BigInt.asIntN(SHOWN_BITS, atom) === atom ? `{"$bigint":"${atom}"}` : undefined
  if (typeof atom === 'number' && !Number.isFinite(atom)) return `{"$number":"${atom}"}`
  return String(atom)
}

function tupleLabel(tuple: readonly unknown[]): string | undefined {
  let label = '['
  for (const atom of tuple) {
    const next = atomLabel(atom)
    if (next === undefined) return undefined
    label += label.length === 1 ? next : `,${next}`
    if (label.length > 2 * SHOWN_CHARS) return undefined
  }
  return `${label}]`
}

function beginning(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key.slice(0, SHOWN_CHARS)).slice(0, -1)
  if (!Array.isArray(key)) return ''
  const [first] = key as readonly unknown[]
  return `[${(atomLabel(first) ?? beginning(first)).slice(0, SHOWN_CHARS)}`
}
