// Where the lives of a kill test are to end, and what came of it.
import { failpoints as places, type Failpoint } from '../../../packages/engine/src/connectors/kafka/sink/failpoints.ts'

/** A place of the sink, as its failpoints name it. */
export type Place = Failpoint

/** `coordinator-killed`: the broker that coordinates an open transaction; `coordinator-elected`: another broker is made to. */
export type Victim = 'job' | 'log' | 'coordinator-killed' | 'coordinator-elected'

export interface Aim {
  /** A row of the table. */
  readonly failpoint: Place | 'in-savepoint' | 'coordinator-moved' | 'any-moment'
  readonly victim: Victim
}

export interface Standing {
  readonly place: Place
  /** At the so many-eth time that a thread gets there. */
  readonly times: number
}

const openingPlaces: ReadonlySet<Place> = new Set(['before-recovered-commit', 'after-recovered-commit', 'before-fence', 'after-fence'])

/** Whether the place is passed while a job starts, or not at all in that life. */
export function isPassedAtStart(place: Place): boolean {
  return openingPlaces.has(place)
}

/** A savepoint, and the checkpoint that must follow before it is announced: with the same places a second time. */
const savepointStandings: readonly Standing[] = [
  { place: 'before-prepare', times: 1 },
  { place: 'after-prepare', times: 1 },
  { place: 'before-prepare', times: 2 },
  { place: 'after-prepare', times: 2 },
  { place: 'handle-stored', times: 1 },
  { place: 'during-commit', times: 1 },
]

/** Where transactions have just been opened, are about to be ended, or are looked for. */
const coordinatorStandings: readonly Standing[] = [
  { place: 'before-prepare', times: 1 },
  { place: 'after-prepare', times: 1 },
  { place: 'before-commit', times: 1 },
  { place: 'during-commit', times: 1 },
  { place: 'before-recovered-commit', times: 1 },
  { place: 'before-fence', times: 1 },
]

/** Where the job is to stand; undefined: anywhere. */
export function standingOf({ failpoint }: Aim, draw: () => number): Standing | undefined {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(draw() * from.length)]!
  if (failpoint === 'any-moment') return undefined
  if (failpoint === 'in-savepoint') return pick(savepointStandings)
  if (failpoint === 'coordinator-moved') return pick(coordinatorStandings)
  return { place: failpoint, times: isPassedAtStart(failpoint) ? 1 : 1 + Math.floor(draw() * 2) }
}

/** What can be killed besides the job. */
export interface Killable {
  readonly log: boolean
  readonly coordinator: boolean
}

export function aimsOf({ log, coordinator }: Killable): readonly Aim[] {
  const failpoints: readonly Aim['failpoint'][] = ['any-moment', ...places, 'in-savepoint']
  const victims: readonly Victim[] = log ? ['job', 'log'] : ['job']
  return [
    ...failpoints.flatMap((failpoint) => victims.map((victim) => ({ failpoint, victim }))),
    ...(coordinator
      ? [
          { failpoint: 'coordinator-moved' as const, victim: 'coordinator-elected' as const },
          { failpoint: 'coordinator-moved' as const, victim: 'coordinator-killed' as const },
        ]
      : []),
  ]
}

/** Deals aims out in turn. What was not reached comes again soon, but not at once: another life in between may make it reachable. */
export class Deck {
  readonly #aims: readonly Aim[]
  readonly #again: Aim[] = []
  #next = 0
  #isRepetition = false

  constructor(aims: readonly Aim[]) {
    this.#aims = aims
  }

  next(): Aim {
    this.#isRepetition = !this.#isRepetition && this.#again.length > 0
    return this.#isRepetition ? this.#again.shift()! : this.#aims[this.#next++ % this.#aims.length]!
  }

  missed(aim: Aim): void {
    this.#again.push(aim)
  }
}

/** Hits by failpoint and victim. */
export class Hits {
  readonly #counts = new Map<string, number>()

  add({ failpoint, victim }: Aim): void {
    const key = `${failpoint} ${victim}`
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
  }

  of(failpoint: Aim['failpoint'], victim: Victim): number {
    return this.#counts.get(`${failpoint} ${victim}`) ?? 0
  }

  /** A line for each failpoint that was aimed at, with who was killed there how often. */
  table(aims: readonly Aim[]): readonly string[] {
    const victims = [...new Set(aims.map(({ victim }) => victim))]
    const failpoints = [...new Set(aims.map(({ failpoint }) => failpoint))]
    const line = (name: string, cells: readonly string[]): string => `${name.padEnd(26)}${cells.map((cell) => cell.padStart(21)).join('')}`
    const rows = failpoints.map((failpoint) => {
      const counts = victims.map((victim) => this.of(failpoint, victim))
      return line(failpoint, [...counts.map((count) => String(count || '·')), String(counts.reduce((sum, count) => sum + count, 0))])
    })
    return [line('failpoint', [...victims, 'in all']), ...rows]
  }

  /** Failpoints that were hit less often than is asked. */
  rare(aims: readonly Aim[], least: number): readonly string[] {
    const failpoints = [...new Set(aims.map(({ failpoint }) => failpoint))]
    const victims = [...new Set(aims.map(({ victim }) => victim))]
    return failpoints.filter((failpoint) => victims.reduce((sum, victim) => sum + this.of(failpoint, victim), 0) < least)
  }
}
