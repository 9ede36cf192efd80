/** Bytes, or a number with a unit: `'512B'`, `'64KiB'`, `'16MiB'`, `'2GiB'`. */
export type Size = number | `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`

const units = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const descending = ['TiB', 'GiB', 'MiB', 'KiB'] as const

/** The size in whole bytes, or `undefined` if it is none (no unit, negative, not finite). */
export function parseSize(size: unknown): number | undefined {
  if (typeof size === 'number') return Number.isSafeInteger(size) && size >= 0 ? size : undefined
  if (typeof size !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)$/.exec(size.trim())
  return match === null ? undefined : Math.round(Number(match[1]) * units[match[2] as keyof typeof units])
}

/** The shortest exact way to write a number of bytes: `65536` is `'64KiB'`. */
export function formatSize(bytes: number): string {
  const unit = descending.find((candidate) => bytes > 0 && bytes % units[candidate] === 0) ?? 'B'
  return `${bytes / units[unit]}${unit}`
}

/** A size for people, to three digits: `1536` is `'1.50 KiB'`. */
export function describeSize(bytes: number): string {
  const unit = descending.find((candidate) => bytes >= units[candidate]) ?? 'B'
  return unit === 'B' ? `${Math.round(bytes)} B` : `${(bytes / units[unit]).toPrecision(3)} ${unit}`
}
