// Runs scenarios in the order they are asked for, and prints one line of JSON for each.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'

const [bootstrapText = '', runText = '', clientText = '', ...asked] = process.argv.slice(2)

export const bootstrap: string = bootstrapText
export const run: string = runText
/** Begins the names of this client's topics and groups. */
export const prefix = `${runText}-${clientText}-`
export const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
export type Codec = (typeof codecs)[number]

/** The client cannot do this. */
class Skip extends Error {}

export function skip(why: string): () => never {
  return () => {
    throw new Skip(why)
  }
}

export async function runScenarios(scenarios: Readonly<Record<string, () => void | Promise<void>>>): Promise<never> {
  for (const name of asked) {
    const begin = performance.now()
    const answer: Record<string, unknown> = { scenario: name, result: 'pass' }
    try {
      await (scenarios[name] ?? skip('the program has no such scenario'))()
    } catch (error) {
      if (!(error instanceof Skip)) console.error(error)
      Object.assign(answer, {
        result: error instanceof Skip ? 'skipped' : 'fail',
        reason: (error as Error).message.replaceAll(/\s+/g, ' ').slice(0, 300),
      })
    }
    console.log(JSON.stringify({ ...answer, ms: Math.round(performance.now() - begin) }))
  }
  process.exit(0)
}

/** @throws if the condition does not hold within 40 seconds */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 40_000
  while (!(await condition())) {
    assert.ok(performance.now() < end, `waited too long for ${what}`)
    await sleep(50)
  }
}

/** All that an error and what is behind it say of themselves. */
function storyOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { type, apiId, code, cause, errors, groups } = error as Error & Record<string, unknown>
  const inGroups = Array.isArray(groups) ? (groups as { error?: unknown }[]).map((group) => group.error) : []
  const inner = [...(Array.isArray(errors) ? (errors as unknown[]) : []), ...inGroups, ...(cause === undefined ? [] : [cause])]
  return [error.name, error.message, type, apiId, code, ...inner.map(storyOf)].join(' ')
}

/** Awaits what has to fail, with an error that tells of one of these words. */
export async function fails(promise: Promise<unknown>, ...words: readonly string[]): Promise<void> {
  const error = await promise.then(
    () => assert.fail(`it succeeded, without ${words.join(' or ')}`),
    (reason: unknown) => reason,
  )
  if (error instanceof assert.AssertionError) throw error
  const story = storyOf(error)
  assert.ok(
    words.some((word) => story.includes(word)),
    `${story} instead of ${words.join(' or ')}`,
  )
}

/** Writers whose topics are read, in `across-read`. */
export function topicsAcross(): readonly (readonly [topic: string, codec: Codec])[] {
  const writers = process.env['MATRIX_WRITERS']!.split(',')
  return writers.flatMap((writer) => codecs.map((codec) => [`${run}-${writer}-across-${codec}`, codec] as const))
}

export const firstTimeMs = 1_700_000_000_000

export interface Sample {
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly timestampMs: number
}

/** A record as scenarios `produce` and `consume` have it. */
export function sample(i: number): Sample {
  return {
    key: i === 50 ? null : `key-${i}`,
    value: i === 51 ? null : `value-${i}`,
    headers: { number: String(i), empty: '' },
    timestampMs: firstTimeMs + i * 1_000,
  }
}

/** A value that is worth compressing. */
export function compressible(i: number): string {
  return `value-${i}-${'abcdefghij'.repeat(i % 50)}`
}

export function numbers(count: number, from = 0): readonly number[] {
  return Array.from({ length: count }, (_, i) => from + i)
}
