/** What goes wrong in one life besides its end: a failing or slow disk, and user code that throws. */
import { randomBelow, type Clock, type DiskErrorReason } from '@millrace/core'
import type { DiskOperation, SeededRandom, SimulatedDisk } from '@millrace/testkit'
import type { Lifetimes } from './lifetimes.ts'
import type { Situation } from './situations.ts'
import type { UserCode } from './stages.ts'

const operations: readonly (readonly DiskOperation[])[] = [
  ['write'],
  ['sync'],
  ['syncDirectory'],
  ['rename'],
  ['open'],
  ['close'],
  ['remove', 'removeTree'],
  ['read', 'readFile', 'list', 'stat'],
  ['makeDirectory'],
]
const places = [/^\/data\/state\//, /\/shared\//, /\/chk-/, /^\/data\/out/, /^\/data\//]
const reasons: readonly DiskErrorReason[] = ['input-output', 'input-output', 'no-space', 'too-many-open']

/** Lets the disk fail at random moments, until the answer is called; undefined: it does not. */
export function disturbDisk(disk: SimulatedDisk, clock: Clock, random: SeededRandom, onFailure: () => void): (() => void) | undefined {
  if (!random.chance(0.3)) return undefined
  let over = false
  for (let count = 1 + randomBelow(random, 3); count > 0; count--) {
    const disturb = random.pick([failOnce, failOnce, slowDown, fillUp])
    clock.after(randomBelow(random, 400), () => {
      if (over) return
      onFailure()
      disturb(disk, clock, random)
    })
  }
  return () => {
    over = true
    disk.heal()
    disk.setCapacity(Infinity)
  }
}

function failOnce(disk: SimulatedDisk, _clock: Clock, random: SeededRandom): void {
  disk.fail({
    operations: random.pick(operations),
    path: random.pick(places),
    reason: random.pick(reasons),
    skip: randomBelow(random, 4),
    times: random.pick([1, 1, 2, 8]),
  })
}

function slowDown(disk: SimulatedDisk, _clock: Clock, random: SeededRandom): void {
  disk.fail({ path: random.pick(places), delayMs: random.pick([20, 100, 700]), times: random.pick([3, 30]) })
}

function fillUp(disk: SimulatedDisk, clock: Clock, random: SeededRandom): void {
  disk.setCapacity(disk.usedBytes + randomBelow(random, 3_000))
  clock.after(random.pick([30, 200]), () => disk.setCapacity(Infinity))
}

const FAILURES_A_LIFE_MAX = 4

export interface UserCodeOptions {
  readonly clock: Clock
  readonly random: SeededRandom
  /** Nothing throws. */
  readonly calm: boolean
  /** About as often as user code will be called in a life. */
  readonly calls: number
  /** It throws in every life that is not calm. */
  readonly failsOften: boolean
  readonly lifetimes: Lifetimes
  readonly violation: (problem: string) => void
  readonly met: (situation: Situation) => void
}

export function drawUserCode({ clock, random, calm, calls, failsOften, lifetimes, violation, met }: UserCodeOptions): UserCode {
  const drawn = calm || random.chance(0.5) ? 0 : random.pick([0.3, 2]) / calls
  const probability = failsOften && !calm ? 4 / calls : drawn
  const delays = random.pick([[0], [0, 1, 5, 30], [0, 0, 0, 80], [2, 3]])
  let failures = 0
  return {
    hazard() {
      if (probability === 0 || failures >= FAILURES_A_LIFE_MAX || !random.chance(probability)) return
      failures++
      throw new Error('thunder')
    },
    delay: () => new Promise((resolve) => void clock.after(random.pick(delays), resolve)),
    violation,
    met,
    built: () => lifetimes.built(),
    lifetime: () => lifetimes.next(),
  }
}
