import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const LINES = 5000
const WORDS = ['accepted', 'pending', 'shipped', 'cancelled', 'returned', 'express', 'standard', 'warehouse', 'customer', 'discount']
const END = ',"x":1}'

/** Writes JSON events of `sizeBytes` each, one a line, the same every time; lz4 makes about a third of them. */
export function writePayloads(path: string, sizeBytes: number): void {
  let seed = 42
  const below = (limit: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed % limit
  }
  const lines = Array.from({ length: LINES }, () => {
    const amount = below(100_000)
    let line = `{"id":${below(1e9)},"at":${1.7e12 + below(1e9)},"status":"${WORDS[below(10)]}","amount":${amount}`
    for (let at = 0; line.length < sizeBytes - 40; at++) line += `,"${WORDS[(at + 3) % 10]}${at}":"${WORDS[below(10)]}-${below(10_000)}"`
    return line.padEnd(sizeBytes - END.length, ' ').slice(0, sizeBytes - END.length) + END
  })
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lines.join('\n'))
}
