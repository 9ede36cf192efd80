/**
 * When user functions open, finish and close: that takes time, and opening may fail.
 *
 * 1. When an attempt is over none of its functions is being opened, and none is opened after that.
 * 2. What was opened for it is closed.
 */
import type { Clock } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import type { Scenario, StagePlan } from './scenario.ts'
import type { Situation } from './situations.ts'

export interface LifetimePlan {
  /** What each of them may take. */
  readonly delaysMs: readonly number[]
  /** That opening throws. */
  readonly failureChance: number
  /** Whether functions do something at the end of their input: all lives then have the same parallelism. */
  readonly finishes: boolean
}

/** Apart from the rest. */
export function drawLifetimes(random: SeededRandom): LifetimePlan | undefined {
  if (!random.chance(0.35)) return undefined
  return {
    delaysMs: random.pick([
      [0, 1, 5],
      [0, 30],
      [0, 5, 100],
      [20, 40],
    ]),
    failureChance: random.pick([0, 0.03, 0.1]),
    finishes: random.chance(0.4),
  }
}

/** Where functions finish one of the stages holds records until then: also before timers of event time, which is over by then. */
export function withFinish(scenario: Scenario, random: SeededRandom): Scenario {
  if (scenario.lifetimes?.finishes !== true) return scenario
  const held: StagePlan = { kind: 'held', width: random.pick(['same', 'same', 'other']), chain: random.pick(['always', 'never']) }
  const at = random.between(0, scenario.stages.length)
  return { ...scenario, stages: scenario.stages.toSpliced(at, 0, held) }
}

/** What the function of one operator does besides its work. */
export interface Lifetime {
  readonly open?: () => Promise<void>
  readonly finish?: () => Promise<void>
  readonly close?: () => Promise<void>
}

export interface LifetimesOptions {
  readonly plan: LifetimePlan | undefined
  readonly clock: Clock
  readonly random: SeededRandom
  /** Nothing fails. */
  readonly calm: boolean
  readonly violation: (problem: string) => void
  readonly reached: (situation: Situation) => void
}

const FAILURES_MAX = 3

export class Lifetimes {
  readonly #options: LifetimesOptions
  /** Builds of the job: each launch has one of its own. */
  #build = 0
  /** All up to this one are of attempts that are over. */
  #overBuild = 0
  #opening = 0
  #finishing = 0
  #failures = 0
  readonly #operators: { readonly build: number; opened: number; closed: number }[] = []

  constructor(options: LifetimesOptions) {
    this.#options = options
  }

  /** Whether some function is at the end of its input. */
  get finishing(): boolean {
    return this.#finishing > 0
  }

  /** The job is built once more. */
  built(): void {
    this.#build++
  }

  /** Of one operator of the newest build. */
  next(): Lifetime {
    const { plan, violation } = this.#options
    if (plan === undefined) return {}
    const operator = { build: this.#build, opened: 0, closed: 0 }
    this.#operators.push(operator)
    return {
      open: async () => {
        if (operator.build <= this.#overBuild) violation('a function is opened for an attempt that is over')
        operator.opened++
        this.#opening++
        await this.#takeTime(plan)
        this.#opening--
        this.#mayFail(plan)
      },
      ...(plan.finishes
        ? {
            finish: async () => {
              this.#finishing++
              await this.#takeTime(plan)
              this.#finishing--
            },
          }
        : {}),
      close: async () => {
        await this.#takeTime(plan)
        operator.closed++
      },
    }
  }

  /** All that was launched until now is over. */
  attemptOver(): void {
    const { violation } = this.#options
    if (this.#opening > 0) violation(`${this.#opening} functions are being opened when their attempt is over`)
    this.#overBuild = this.#build
    const left = this.#operators.find(({ opened, closed }) => closed < opened)
    if (left !== undefined) violation(`of a function ${left.opened} were opened and ${left.closed} closed when their attempt was over`)
    this.#operators.length = 0
  }

  #takeTime({ delaysMs }: LifetimePlan): Promise<void> {
    const { clock, random } = this.#options
    return new Promise((resolve) => void clock.after(random.pick(delaysMs), resolve))
  }

  #mayFail({ failureChance }: LifetimePlan): void {
    const { calm, random, reached } = this.#options
    if (calm || this.#failures >= FAILURES_MAX || !random.chance(failureChance)) return
    this.#failures++
    reached('function failed to open')
    throw new Error('thunder at the opening')
  }
}
