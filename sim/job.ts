/** Builds the job of a scenario: sources, branches, stages, and a file sink that is exactly once. */
import { defineJob, fileSink, watermarks, type Environment, type Job, type StreamView } from '@millrace/engine'
import { nameIn, partsOf } from './apart.ts'
import type { Interposer } from './interposer.ts'
import type { Scenario } from './scenario.ts'
import { splits, sourceOf, type IdRange } from './sources.ts'
import { addStage, type UserCode } from './stages.ts'
import type { Traced } from './traced.ts'

export const OUT = '/data/out'
const RULES = 20

export interface JobParts {
  readonly scenario: Scenario
  readonly parallelism: number
  readonly user: UserCode
  readonly interposers: readonly Interposer[]
}

/** The ids that each source of a scenario gives. */
export function sourceRanges({ inputs, sources }: Scenario): readonly IdRange[] {
  return sources.map((_, index) => ({
    first: Math.floor((inputs * index) / sources.length),
    end: Math.floor((inputs * (index + 1)) / sources.length),
  }))
}

export function inputPath(source: number): string {
  return `/data/in/input-${source}`
}

export function buildScenario(parts: JobParts): Job {
  return defineJob('sim', (env) => {
    parts.user.built()
    for (const [part, scenario] of partsOf(parts.scenario).entries()) addPart(env, part, { ...parts, scenario })
  })
}

function addPart(env: Environment, part: number, { scenario, parallelism, user, interposers }: JobParts): void {
  const wrapped = <T>(kind: 'source' | 'sink', each: T): T =>
    interposers.reduce((inner, interposer) => (interposer[kind] as ((value: T) => T) | undefined)?.(inner) ?? inner, each)
  const time = watermarks.boundedOutOfOrderness<Traced>(30, ({ id }) => id)
  const inputs = sourceRanges(scenario).map((range, index) => {
    const source = sourceOf(scenario.sources[index]!, range, scenario.ratePerSecond, inputPath(index))
    return env.fromSource(wrapped('source', source), { uid: nameIn(part, `inputs-${index}`), watermarks: time })
  })
  let stream: StreamView<Traced> = inputs.length === 1 ? inputs[0]! : inputs[0]!.union(inputs[1]!)
  if (scenario.branches === 2) stream = stream.union(stream.map((record) => ({ ...record, branch: 1 })).uid('other-branch'))
  for (const [index, plan] of scenario.stages.entries()) {
    const name = nameIn(part, String(index))
    const rules = (): StreamView<number> =>
      env
        .fromSource(splits({ first: 0, end: RULES }, 100, 1), { uid: `rules-${name}`, parallelism: 1 })
        .map(({ id }) => id)
        .uid(`rule-ids-${name}`)
        .parallelism(1)
    const strict = scenario.mode === 'exactly-once'
    stream = addStage(stream, { plan, index, name, keys: scenario.keys, strict, parallelism, user, rules })
  }
  const sink = fileSink<Traced>({ dir: nameIn(part, OUT), prefix: nameIn(part, 'part'), format: 'json' })
  stream.sinkTo(wrapped('sink', sink)).uid(nameIn(part, 'out'))
}
