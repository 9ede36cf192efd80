/**
 * What a decoder owes to any input: an answer or an error of ours, soon, and memory in proportion to the input.
 */
import assert from 'node:assert/strict'
import { MillraceError } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'

export interface Target {
  readonly name: string
  /** Inputs that it takes. */
  readonly seeds: readonly Uint8Array[]
  /** Makes a damaged input reach further: checksums fitted. */
  readonly mend?: (bytes: Buffer) => void
  readonly decode: (bytes: Uint8Array, random: SeededRandom) => void | Promise<void>
  /** How often it is taken in a round; 10 by default. */
  readonly weight?: number
}

/** An input of 4 KB may cost so much; decoders of compressed records more, as they say in their own limit. */
const allocatedBytesMax = 64 * 1024 * 1024
const tookMsMax = 1_000

function allocated(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** @throws what is wrong with the decoder */
export async function feed(target: Target, bytes: Uint8Array, random: SeededRandom): Promise<'taken' | 'refused'> {
  const before = allocated()
  const begin = performance.now()
  let outcome: 'taken' | 'refused' = 'taken'
  try {
    const work = target.decode(bytes, random)
    if (work !== undefined) await work
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    outcome = 'refused'
  }
  const tookMs = performance.now() - begin
  assert.ok(tookMs < tookMsMax, `it took ${Math.round(tookMs)} ms`)
  // The collector may run in between: then this says less.
  const cost = allocated() - before
  assert.ok(cost < allocatedBytesMax, `it allocated ${cost} bytes for ${bytes.length}`)
  return outcome
}
