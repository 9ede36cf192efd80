import { readFileSync, writeFileSync } from 'node:fs'

export type Outcome = 'pass' | 'fail' | 'skipped'

/** What a program prints, one line of JSON a scenario. */
export interface Answer {
  readonly scenario: string
  readonly result: Outcome
  /** Why it failed or was skipped. */
  readonly reason?: string
  readonly ms?: number
}

/** What is kept of it. */
export interface Result extends Answer {
  readonly client: string
  readonly version: string
}

/** The first line of a stored run. */
export interface RunHeader {
  /** The day, as YYYY-MM-DD. */
  readonly date: string
  /** 'Millrace 0.1.0', 'Apache Kafka 4.1.1'. */
  readonly broker: string
}

export interface Run {
  readonly header: RunHeader
  readonly results: readonly Result[]
}

/** @returns the answer that a line holds; nothing for what is not one. */
export function answerOf(line: string): Answer | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const parsed = JSON.parse(line) as Partial<Answer>
    const known: readonly unknown[] = ['pass', 'fail', 'skipped']
    return typeof parsed.scenario === 'string' && known.includes(parsed.result) ? (parsed as Answer) : undefined
  } catch {
    return undefined
  }
}

export function readRun(path: string): Run {
  const [header, ...results] = readFileSync(path, 'utf8').trim().split('\n')
  return { header: JSON.parse(header!) as RunHeader, results: results.map((line) => JSON.parse(line) as Result) }
}

export function writeRun(path: string, { header, results }: Run): void {
  writeFileSync(path, [header, ...results].map((entry) => JSON.stringify(entry) + '\n').join(''))
}
