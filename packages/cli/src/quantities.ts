/** `1234567` is `1.23 M`: three digits, for people. */
export function formatCount(count: number): string {
  const scale = (
    [
      ['G', 1e9],
      ['M', 1e6],
      ['k', 1e3],
    ] as const
  ).find(([, size]) => count >= size * 0.9995)
  if (scale === undefined) return count >= 99.5 || Number.isInteger(count) ? String(Math.round(count)) : count.toPrecision(2)
  const scaled = count / scale[1]
  return `${scaled >= 999.5 ? Math.round(scaled) : scaled.toPrecision(3)} ${scale[0]}`
}

/** A time that has passed: `340 ms`, `7.2 s`, `3m 05s`, `2h 03m`, `5d 01h`. */
export function formatElapsed(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const pair = (
    [
      ['d', 86_400_000, 'h', 3_600_000],
      ['h', 3_600_000, 'm', 60_000],
      ['m', 60_000, 's', 1_000],
    ] as const
  ).find(([, size]) => ms >= size)
  if (pair === undefined) return '1m 00s'
  const [major, size, minor, minorSize] = pair
  return `${Math.floor(ms / size)}${major} ${String(Math.floor((ms % size) / minorSize)).padStart(2, '0')}${minor}`
}

/** A ratio as a whole percentage. */
export function formatPercent(ratio: number): string {
  return `${Math.round(100 * ratio)} %`
}

/** `1 member`, `2 members`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
