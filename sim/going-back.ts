/**
 * Users who go back to an older checkpoint than the newest: what they want to be rid of is given up.
 *
 * Once a life has gone on from the older one, none starts again from any that was newer then, however soon it is killed.
 */
import type { CompletedCheckpoint } from '@millrace/engine'
import type { SeededRandom } from '@millrace/testkit'
import type { Ambush } from './observer.ts'

export class GoingBack {
  readonly #chance: number
  readonly #random: SeededRandom
  /** Of the life that was begun last. */
  #target: string | undefined
  #newer: readonly string[] = []
  readonly #givenUp: Set<string> = new Set()

  constructor(chance: number, random: SeededRandom) {
    this.#chance = chance
    this.#random = random
  }

  /** Which one the next life goes back to, if it does; they come oldest first. */
  choose(whole: readonly string[]): string | undefined {
    this.#target = undefined
    if (whole.length < 2 || !this.#random.chance(this.#chance)) return undefined
    const at = this.#random.between(0, whole.length - 2)
    this.#target = whole[at]!
    this.#newer = whole.slice(at + 1)
    return this.#target
  }

  /** When a life ends that has gone back: most do not come to a checkpoint of their own. */
  ambush(): Ambush | undefined {
    return this.#random.pick<Ambush | undefined>(['started', 'started', 'triggered', 'durable', undefined])
  }

  /** What each attempt of a life that is over had restored, in their order; answers whether the life did go back. @throws where one of them had been given up */
  lifeEnded(restored: readonly (CompletedCheckpoint | undefined)[]): boolean {
    let wentBack = false
    for (const { path } of restored.map((each) => each ?? { path: undefined })) {
      if (path === undefined) continue
      if (this.#givenUp.has(path)) throw new Error(`${path} was given up by going back behind it, and is gone on from`)
      if (path !== this.#target) continue
      for (const newer of this.#newer) this.#givenUp.add(newer)
      wentBack = true
    }
    return wentBack
  }

  /** All checkpoints have been removed: numbers begin anew. */
  removed(): void {
    this.#givenUp.clear()
  }
}
