/** Feeds damaged inputs to the targets, by a seed. */
import { SeededRandom } from '@millrace/testkit'
import { mutate } from './mutate.ts'
import { feed, type Target } from './target.ts'

export interface RoundOptions {
  readonly targets: readonly Target[]
  readonly seed: number
  readonly inputs: number
  readonly onProgress?: (inputs: number) => void
}

export interface RoundCount {
  readonly taken: number
  readonly refused: number
}

export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure'
  readonly target: string
  readonly input: Uint8Array

  constructor(target: string, input: Uint8Array, cause: unknown) {
    const hex = Buffer.from(input).toString('base64')
    super(`${target}: ${cause instanceof Error ? cause.message : String(cause)}\ninput (base64): ${hex}`, { cause })
    this.target = target
    this.input = input
  }
}

/** @throws FuzzFailure */
export async function runRound({ targets, seed, inputs, onProgress }: RoundOptions): Promise<ReadonlyMap<string, RoundCount>> {
  const random = new SeededRandom(seed)
  const counts = new Map(targets.map(({ name }) => [name, { taken: 0, refused: 0 }]))
  const drawn = targets.flatMap((target) => Array.from({ length: target.weight ?? 10 }, () => target))
  for (let number = 0; number < inputs; number++) {
    const target = random.pick(drawn)
    // Now and then nothing is wrong with it, or everything.
    const made = random.chance(0.03)
      ? Buffer.from(random.bytes(random.between(0, 300)))
      : mutate(random.pick(target.seeds), random, random.pick(target.seeds))
    target.mend?.(made)
    try {
      counts.get(target.name)![await feed(target, made, random)]++
    } catch (error) {
      throw new FuzzFailure(target.name, made, error)
    }
    if (number % 10_000 === 9_999) onProgress?.(number + 1)
  }
  return counts
}
