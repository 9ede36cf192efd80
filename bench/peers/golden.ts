import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Golden {
  readonly count: number
  readonly checksum: string
}

interface GoldenLine extends Golden {
  readonly query: string
  readonly events: number
  readonly seed: number
}

const results = JSON.parse(readFileSync(join(import.meta.dirname, 'nexmark/golden/results.json'), 'utf8')) as readonly GoldenLine[]

/** What the specification's reference gave; undefined at sizes that it was not run at. */
export function goldenResult(query: string, events: number, seed: number): Golden | undefined {
  const line = results.find((result) => result.query === query && result.events === events && result.seed === seed)
  return line === undefined ? undefined : { count: line.count, checksum: line.checksum }
}
