/** Milliseconds, or a number with a unit: `'250ms'`, `'5s'`, `'10m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** The duration in milliseconds, or `undefined` if it is none (no unit, negative, not finite). */
export function parseDuration(duration: unknown): number | undefined {
  if (typeof duration === 'number') return Number.isFinite(duration) && duration >= 0 ? duration : undefined
  if (typeof duration !== 'string') return undefined
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(duration.trim())
  return match === null ? undefined : Number(match[1]) * units[match[2] as keyof typeof units]
}

/** The shortest exact way to write a number of milliseconds: `5000` is `'5s'`. */
export function formatDuration(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((candidate) => ms > 0 && ms % units[candidate] === 0) ?? 'ms'
  return `${ms / units[unit]}${unit}`
}
